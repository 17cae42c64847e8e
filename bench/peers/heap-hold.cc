// The hold model on std::priority_queue: what a C++ programmer writes first. Order: (time, insertion).
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <queue>
#include <vector>
#include "random.h"
struct Event {
  double time;
  uint64_t sequence;
  uint32_t to;
  bool operator<(const Event& other) const {
    return time > other.time || (time == other.time && sequence > other.sequence);
  }
};
int main(int, char** argv) {
  const long count = atol(argv[1]);
  std::priority_queue<Event> queue;
  std::vector<uint32_t> hits(1000);
  uint64_t sequence = 0;
  for (uint32_t to = 0; to < 1000; to++) queue.push({exponential(1), sequence++, to});
  const auto begin = std::chrono::steady_clock::now();
  for (long done = 0; done < count; done++) {
    const Event event = queue.top();
    queue.pop();
    hits[event.to]++;
    const double time = event.time + exponential(1);
    queue.push({time, sequence++, static_cast<uint32_t>(uniform() * 1000)});
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  printf("%ld %.6f %u\n", count, seconds.count(), hits[0]);
}
