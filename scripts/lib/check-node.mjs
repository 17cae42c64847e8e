// Imported first by every script, and written for any Node that has ES modules: an old one must get this far.
var version = process.versions.node.split('.').map(Number);
if (version[0] < 20 || (version[0] === 20 && version[1] < 19)) {
  process.stderr.write(
    'faultline: needs Node 20.19 or newer, this is ' + process.versions.node + ': https://nodejs.org\n',
  );
  process.exit(3);
}
