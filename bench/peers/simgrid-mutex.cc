// The FIFO mutex as SimGrid actors.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <simgrid/s4u.hpp>
#include <vector>
#include "random.h"
namespace sg4 = simgrid::s4u;
int main(int argc, char** argv) {
  sg4::Engine engine(&argc, argv);
  const long count = atol(argv[1]);
  long done = 0;
  std::vector<uint32_t> hits(64);
  auto* zone = sg4::create_full_zone("host");
  auto* host = zone->create_host("host", 1e9);
  zone->seal();
  const auto mutex = sg4::Mutex::create();
  for (int task = 0; task < 64; task++) {
    sg4::Actor::create("task", host, [&, task] {
      while (done < count) {
        sg4::this_actor::sleep_for(exponential(32));
        mutex->lock();
        done++;
        hits[task]++;
        sg4::this_actor::sleep_for(exponential(1));
        mutex->unlock();
      }
    });
  }
  const auto begin = std::chrono::steady_clock::now();
  engine.run();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  printf("%ld %.6f %u\n", done, seconds.count(), hits[0]);
}
