/*
 * What one operation costs on this machine, in ns: the figures with `kind: measured` in costs/.
 *
 * Prints one line per cost: its name and the median of REPEATS runs, then the smallest and the largest.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { REPEATS = 15, PAGE = 4096, PAGES = 4096 };

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(const char *name, double (*once)(void))
{
    double ns[REPEATS];

    for (int i = 0; i < REPEATS; i++)
        ns[i] = once();
    qsort(ns, REPEATS, sizeof(ns[0]), compare);
    printf("%s %.2f %.2f %.2f\n", name, ns[REPEATS / 2], ns[0], ns[REPEATS - 1]);
    fflush(stdout);
}

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

static _Alignas(64) atomic_long word;

static double atomic_owned(void)
{
    enum { N = 2000000 };
    double start = now();

    for (int i = 0; i < N; i++)
        atomic_fetch_add(&word, 1);
    return (now() - start) / N;
}

static double fence(void)
{
    enum { N = 2000000 };
    double start = now();

    for (int i = 0; i < N; i++)
        atomic_thread_fence(memory_order_seq_cst);
    return (now() - start) / N;
}

/* The kernel's cpu_relax(). */
static double pause_once(void)
{
    enum { N = 500000 };
    double start = now();

    for (int i = 0; i < N; i++)
        __builtin_ia32_pause();
    return (now() - start) / N;
}

static double system_call(void)
{
    enum { N = 500000 };
    double start = now();

    for (int i = 0; i < N; i++)
        syscall(SYS_getppid);
    return (now() - start) / N;
}

static char *from, *to;

static double copy_page(void)
{
    double start = now();

    for (int i = 0; i < PAGES; i++)
        memcpy(to + (size_t)i * PAGE, from + (size_t)i * PAGE, PAGE);
    return (now() - start) / PAGES;
}

static double compare_page(void)
{
    volatile int sum = 0;
    double start = now();

    for (int i = 0; i < PAGES; i++)
        sum += memcmp(to + (size_t)i * PAGE, from + (size_t)i * PAGE, PAGE);
    return (now() - start) / PAGES;
}

/* First touch of anonymous memory: fault, allocation, clearing. */
static double anon_fault(void)
{
    char *p = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    double start, ns;

    madvise(p, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE);
    start = now();
    for (int i = 0; i < PAGES; i++)
        p[(size_t)i * PAGE] = 1;
    ns = (now() - start) / PAGES;
    munmap(p, (size_t)PAGES * PAGE);
    return ns;
}

/* mprotect() of memory that is there: what changing one PTE costs, system call and flush shared by all. */
static double change_pte(void)
{
    double start = now(), ns;

    mprotect(from, (size_t)PAGES * PAGE, PROT_READ);
    ns = (now() - start) / PAGES;
    mprotect(from, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE);
    for (int i = 0; i < PAGES; i++)
        from[(size_t)i * PAGE] = 1;
    return ns;
}

enum { TURNS = 200000 };
static _Alignas(64) atomic_int turn;

static void *other_side(void *unused)
{
    (void)unused;
    pin(1);
    for (int i = 0; i < TURNS; i++) {
        int want = 1;

        while (!atomic_compare_exchange_weak(&turn, &want, 0))
            want = 1;
    }
    return NULL;
}

/* CAS ping-pong between two CPUs; one way is half of a round trip. */
static double transfer(void)
{
    pthread_t thread;
    double start;

    pthread_create(&thread, NULL, other_side, NULL);
    usleep(1000);
    start = now();
    for (int i = 0; i < TURNS; i++) {
        int want = 0;

        while (!atomic_compare_exchange_weak(&turn, &want, 1))
            want = 0;
    }
    pthread_join(thread, NULL);
    return (now() - start) / TURNS / 2;
}

enum { SWITCHES = 20000 };
static int ping[2], pong[2];

static void *answer(void *unused)
{
    char byte;

    (void)unused;
    for (int i = 0; i < SWITCHES; i++)
        if (read(ping[0], &byte, 1) != 1 || write(pong[1], &byte, 1) != 1)
            abort();
    return NULL;
}

/* Two threads of one CPU wake each other over pipes: a switch, with a read, a write and a wake-up each. */
static double context_switch(void)
{
    pthread_t thread;
    char byte = 0;
    double start;

    pthread_create(&thread, NULL, answer, NULL);
    start = now();
    for (int i = 0; i < SWITCHES; i++)
        if (write(ping[1], &byte, 1) != 1 || read(pong[0], &byte, 1) != 1)
            abort();
    pthread_join(thread, NULL);
    return (now() - start) / SWITCHES / 2;
}

int main(void)
{
    pin(0);
    from = aligned_alloc(PAGE, (size_t)PAGES * PAGE);
    to = aligned_alloc(PAGE, (size_t)PAGES * PAGE);
    if (!from || !to || pipe(ping) || pipe(pong))
        return 1;
    memset(from, 1, (size_t)PAGES * PAGE);
    memset(to, 1, (size_t)PAGES * PAGE);
    madvise(from, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE);
    report("atomicOwned", atomic_owned);
    report("fence", fence);
    report("pause", pause_once);
    report("syscall", system_call);
    report("copyPage", copy_page);
    report("ksmCompare", compare_page);
    report("anonFault4K", anon_fault);
    report("changePte", change_pte);
    report("contextSwitch", context_switch);
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
        report("transfer", transfer);
    return 0;
}
