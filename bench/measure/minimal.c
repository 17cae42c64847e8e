/*
 * The least C program that measures what `faultline measure` measures: vCPUs that write pages in random order and
 * time each touch with the TSC into a histogram, and a thread that gives the memory back with madvise(), each call timed.
 * The peer of measure.bench.mjs, which compiles it: cc -O2 -pthread -o minimal minimal.c
 *
 *     minimal VCPUS MIB STORM_KIB APART SECONDS
 *
 * STORM_KIB is the length of one madvise(MADV_DONTNEED) in the first half of memory, 0 for none; with APART 1 vCPUs
 * keep to the second half. Prints touches, calls and seconds of the part that counts; whatever fails ends it with a
 * word on stderr.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define HUGE (1ul << 21)
#define MOST_VCPUS 8
#define BUCKETS 4096
#define DRAWS (1u << 16)
#define WARM_UP 0.3

/* What a vCPU and the host share; in guest memory that no storm touches. */
struct block {
	volatile uint32_t stop;
	uint32_t pad;
	volatile uint64_t touches;
	uint64_t exit_page;
	uint64_t longest;
	uint64_t sum;
	const uint32_t *table, *end;
	uint64_t counts[BUCKETS];
	uint8_t stack[4096];
};

static void check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void *map(size_t bytes, int huge)
{
	char *at = mmap(NULL, bytes + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(at != MAP_FAILED, "mmap");
	at = (char *)(((uintptr_t)at + HUGE - 1) & ~(HUGE - 1));
	madvise(at, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return at;
}

#define INTEGERS_ONLY target("general-regs-only")

static inline __attribute__((always_inline, INTEGERS_ONLY)) uint64_t stamp(void)
{
	uint32_t low, high;
	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high)::"memory");
	return low | (uint64_t)high << 32;
}

/* Runs in the guest: no calls, no globals. Its code is copied there. */
__attribute__((section("in_guest"), noinline, used, INTEGERS_ONLY)) static void guest(struct block *block)
{
	const uint32_t *next = block->table;
	uint64_t touches = 0, last = stamp();
	for (;;) {
		uint32_t *page = (uint32_t *)((uint64_t)*next << 12);
		if (++next == block->end)
			next = block->table;
		uint64_t start = stamp();
		__asm__ volatile("orl $0, (%0)" ::"r"(page) : "memory");
		uint64_t end = stamp(), took = end - start;
		int shift = 57 - __builtin_clzl(took | 64);
		block->counts[(shift << 6) + (took >> shift)]++;
		block->sum += took;
		if (end - last > block->longest)
			block->longest = end - last;
		last = end;
		block->touches = ++touches;
		while (block->stop)
			*(volatile uint8_t *)block->exit_page = 1;
	}
}
extern char __start_in_guest[], __stop_in_guest[];

struct vcpu {
	int fd, cpu;
	struct kvm_run *run;
	struct block *block;
};

static void *run_vcpu(void *argument)
{
	struct vcpu *vcpu = argument;
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(vcpu->cpu, &set);
	sched_setaffinity(0, sizeof set, &set);
	do
		check(ioctl(vcpu->fd, KVM_RUN, 0) == 0, "KVM_RUN");
	while (!(vcpu->run->exit_reason == KVM_EXIT_MMIO && vcpu->block->stop));
	return NULL;
}

static struct {
	char *from;
	size_t bytes, step;
	volatile int stop;
	volatile uint64_t calls;
	uint64_t counts[BUCKETS];
} storm;

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* xorshift64 */
static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

static void *run_storm(void *unused)
{
	uint64_t state = 1, steps = storm.bytes / storm.step;
	uint32_t *order = malloc(steps * sizeof *order);
	(void)unused;
	for (uint64_t i = 0; i < steps; i++)
		order[i] = i;
	for (uint64_t done = 0; !storm.stop; done++) {
		/* All of the range once, in an order of its own each time. */
		uint64_t i = done % steps, other = i + draw(&state) % (steps - i);
		uint32_t step = order[other];
		order[other] = order[i];
		order[i] = step;
		size_t at = step * storm.step;
		uint64_t start = now(), took;
		check(madvise(storm.from + at, storm.step, MADV_DONTNEED) == 0, "madvise");
		took = now() - start;
		int shift = 57 - __builtin_clzl(took | 64);
		storm.counts[(shift << 6) + (took >> shift)]++;
		storm.calls++;
	}
	return NULL;
}

/* 64-bit user mode with paging on, as Faultline's guests. */
static void registers(int fd, uint64_t tables, uint64_t code, uint64_t block, uint64_t stack)
{
	struct kvm_sregs sregs;
	struct kvm_segment data = { .limit = ~0u, .selector = 0x2b, .type = 3, .present = 1, .dpl = 3, .db = 1, .s = 1, .g = 1 };
	struct kvm_segment text = { .limit = ~0u, .selector = 0x33, .type = 11, .present = 1, .dpl = 3, .s = 1, .l = 1, .g = 1 };
	struct kvm_regs regs = { .rip = code, .rdi = block, .rsp = stack, .rflags = 2 };
	check(ioctl(fd, KVM_GET_SREGS, &sregs) == 0, "KVM_GET_SREGS");
	sregs.cs = text;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = 0x80050033;
	sregs.cr3 = tables;
	sregs.cr4 = 0x620;
	sregs.efer = 0x501;
	check(ioctl(fd, KVM_SET_SREGS, &sregs) == 0, "KVM_SET_SREGS");
	check(ioctl(fd, KVM_SET_REGS, &regs) == 0, "KVM_SET_REGS");
}

static void slot(int vm, int number, uint64_t gpa, void *at, uint64_t bytes)
{
	struct kvm_userspace_memory_region region = { number, 0, gpa, bytes, (uintptr_t)at };
	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) == 0, "KVM_SET_USER_MEMORY_REGION");
}

static uint64_t touched(struct vcpu *vcpus, int count)
{
	uint64_t sum = 0;
	for (int i = 0; i < count; i++)
		sum += vcpus[i].block->touches;
	return sum;
}

static void pause_for(double seconds)
{
	struct timespec time = { (time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9) };
	nanosleep(&time, NULL);
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fprintf(stderr, "usage: minimal VCPUS MIB STORM_KIB APART SECONDS\n");
		return 2;
	}
	int count = atoi(argv[1]);
	uint64_t bytes = strtoul(argv[2], NULL, 10) << 20;
	uint64_t first = atoi(argv[4]) ? bytes / 2 / PAGE : 0, pages = bytes / PAGE - first;
	double seconds = atof(argv[5]);
	check(count > 0 && count <= MOST_VCPUS, "VCPUS");

	/* Guest: memory from 0, a page that is none, then control memory: code, tables, blocks, tables of touches. */
	uint64_t exit_page = bytes, control_at = bytes + HUGE;
	uint64_t draws = pages > DRAWS ? pages : DRAWS;
	uint64_t block_bytes = (sizeof(struct block) + draws * 4 + PAGE - 1) & ~(PAGE - 1);
	uint64_t control_bytes = (16 * PAGE + count * block_bytes + HUGE - 1) & ~(HUGE - 1);
	char *memory = map(bytes, 0), *control = map(control_bytes, 1);
	memset(control, 0, control_bytes);
	memcpy(control, __start_in_guest, __stop_in_guest - __start_in_guest);
	uint64_t *top = (uint64_t *)(control + PAGE), *middle = (uint64_t *)(control + 2 * PAGE);
	top[0] = (control_at + 2 * PAGE) | 0x67;
	for (uint64_t gib = 0; gib < 8; gib++) {
		uint64_t *low = (uint64_t *)(control + (3 + gib) * PAGE);
		middle[gib] = (control_at + (3 + gib) * PAGE) | 0x67;
		for (uint64_t i = 0; i < 512; i++)
			low[i] = ((gib << 30) + i * HUGE) | 0xe7;
	}

	int kvm = open("/dev/kvm", O_RDWR), vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	check(vm >= 0, "/dev/kvm");
	slot(vm, 0, 0, memory, bytes);
	slot(vm, 1, control_at, control, control_bytes);
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof *cpuid + 256 * sizeof cpuid->entries[0]);
	cpuid->nent = 256;
	check(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid) == 0, "KVM_GET_SUPPORTED_CPUID");
	struct vcpu vcpus[MOST_VCPUS];
	pthread_t threads[MOST_VCPUS + 1];
	uint64_t entry = (uint64_t)((char *)guest - __start_in_guest) + control_at;
	for (int i = 0; i < count; i++) {
		uint64_t at = 16 * PAGE + i * block_bytes;
		struct block *block = (struct block *)(control + at);
		uint32_t *table = (uint32_t *)(block + 1);
		uint64_t state = i + 2;
		for (uint64_t index = 0; index < draws; index++)
			table[index] = first + draw(&state) % pages;
		block->exit_page = exit_page;
		block->table = (uint32_t *)(control_at + at + sizeof *block);
		block->end = block->table + draws;
		vcpus[i].fd = ioctl(vm, KVM_CREATE_VCPU, i);
		vcpus[i].cpu = i % (int)sysconf(_SC_NPROCESSORS_ONLN);
		vcpus[i].block = block;
		vcpus[i].run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpus[i].fd, 0);
		check(vcpus[i].run != MAP_FAILED, "KVM_CREATE_VCPU");
		check(ioctl(vcpus[i].fd, KVM_SET_CPUID2, cpuid) == 0, "KVM_SET_CPUID2");
		uint64_t stack = control_at + at + offsetof(struct block, stack) + sizeof block->stack - 8;
		registers(vcpus[i].fd, control_at + PAGE, entry, control_at + at, stack & ~15ul);
	}
	storm.from = memory;
	storm.bytes = bytes / 2;
	storm.step = strtoul(argv[3], NULL, 10) << 10;
	for (int i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, run_vcpu, &vcpus[i]);
	if (storm.step)
		pthread_create(&threads[count], NULL, run_storm, NULL);

	pause_for(WARM_UP);
	uint64_t touches = touched(vcpus, count), calls = storm.calls, begun = now();
	pause_for(seconds);
	touches = touched(vcpus, count) - touches;
	calls = storm.calls - calls;
	double took = (now() - begun) / 1e9;
	storm.stop = 1;
	for (int i = 0; i < count; i++)
		vcpus[i].block->stop = 1;
	for (int i = 0; i < count + (storm.step != 0); i++)
		pthread_join(threads[i], NULL);
	printf("%lu %lu %.6f\n", touches, calls, took);
	return 0;
}
