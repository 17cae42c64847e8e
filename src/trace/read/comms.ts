/** comm by tid from `tid comm` lines, as saved_cmdlines and trace.dat have them. */
export function parseComms(text: string): Map<number, string> {
  const comms = new Map<number, string>();
  for (const line of text.split('\n')) {
    const match = /^(\d+) ([^]*)$/.exec(line);
    if (match) comms.set(Number(match[1]), match[2]);
  }
  return comms;
}
