// Hold model and FIFO mutex on ns-3's scheduler of events (PriorityQueueScheduler). A unit of time is 1 us there.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>
#include "ns3/core-module.h"
#include "random.h"
using namespace ns3;
static long left;
static std::vector<uint32_t> hits(1000);
static Time after(double mean) { return PicoSeconds(static_cast<int64_t>(exponential(mean) * 1e6)); }
static void hold(uint32_t to) {
  hits[to]++;
  if (--left == 0) return Simulator::Stop();
  const Time delay = after(1);
  Simulator::Schedule(delay, &hold, static_cast<uint32_t>(uniform() * 1000));
}
static std::deque<uint32_t> waiting;
static bool held = false;
static void release(uint32_t task);
static void acquired(uint32_t task) {
  hits[task]++;
  if (--left == 0) return Simulator::Stop();
  Simulator::Schedule(after(1), &release, task);
}
static void acquire(uint32_t task) {
  if (held) return waiting.push_back(task);
  held = true;
  acquired(task);
}
static void release(uint32_t task) {
  Simulator::Schedule(after(32), &acquire, task);
  if (waiting.empty()) {
    held = false;
    return;
  }
  const uint32_t next = waiting.front();
  waiting.pop_front();
  acquired(next);
}
int main(int, char** argv) {
  ObjectFactory factory;
  factory.SetTypeId("ns3::PriorityQueueScheduler");
  Simulator::SetScheduler(factory);
  left = atol(argv[2]);
  const long count = left;
  const bool isHold = strcmp(argv[1], "hold") == 0;
  for (uint32_t task = 0; task < (isHold ? 1000u : 64u); task++) {
    if (isHold) Simulator::Schedule(after(1), &hold, task);
    else Simulator::Schedule(after(32), &acquire, task);
  }
  const auto begin = std::chrono::steady_clock::now();
  Simulator::Run();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  printf("%ld %.6f %u\n", count, seconds.count(), hits[0]);
  Simulator::Destroy();
}
