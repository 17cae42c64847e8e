// The generator that all programs share: xorshift32, and exponential times by inversion.
#pragma once
#include <cmath>
#include <cstdint>
static uint32_t state = 0x9E3779B9u;
static inline double uniform() {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state * 2.3283064365386963e-10;
}
static inline double exponential(double mean) { return -std::log(1 - uniform()) * mean; }
