/* A machine that misbehaves, for one process and its children: its clock stands where it should
 * not, or its disk is full. Preloaded; what it does at present stands in a file that the test
 * changes, named by MACHINE_STATE: the step of the clock in milliseconds, and whether a file may
 * still grow.
 *
 * On a full disk what is allocated can be written over; only what would make a file longer is
 * refused, as a file system does it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct state {
  volatile int64_t step_ms;
  volatile int64_t is_full;
};

static const struct state still = {0, 0};
static const struct state *machine = &still;

__attribute__((constructor)) static void look(void) {
  const char *path = getenv("MACHINE_STATE");
  if (!path) return;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void *mapped = mmap(0, sizeof(struct state), PROT_READ, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) machine = mapped;
  close(file);
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/* The clock. What is monotonic stays so. */

static void step(struct timespec *at) {
  int64_t nanoseconds = (int64_t)at->tv_nsec + machine->step_ms % 1000 * 1000000;
  at->tv_sec += machine->step_ms / 1000;
  if (nanoseconds < 0) { nanoseconds += 1000000000; at->tv_sec -= 1; }
  if (nanoseconds >= 1000000000) { nanoseconds -= 1000000000; at->tv_sec += 1; }
  at->tv_nsec = nanoseconds;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  REAL(int, "clock_gettime", clockid_t, struct timespec *);
  int done = real(clock, at);
  if (done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) step(at);
  return done;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}

/* The disk. */

static int is_refused(int file, off_t end) {
  struct stat found;
  if (!machine->is_full) return 0;
  if (fstat(file, &found) != 0 || !S_ISREG(found.st_mode)) return 0;
  return end > found.st_size;
}

static int is_refused_here(int file, size_t length) {
  if (!machine->is_full) return 0;
  int flags = fcntl(file, F_GETFL);
  int whence = flags >= 0 && (flags & O_APPEND) ? SEEK_END : SEEK_CUR;
  struct stat found;
  off_t at = whence == SEEK_CUR ? lseek(file, 0, SEEK_CUR)
                                : (fstat(file, &found) == 0 ? found.st_size : -1);
  return at >= 0 && is_refused(file, at + (off_t)length);
}

static size_t length_of(const struct iovec *parts, int count) {
  size_t sum = 0;
  for (int i = 0; i < count; i++) sum += parts[i].iov_len;
  return sum;
}

#define FULL(answer) do { errno = ENOSPC; return answer; } while (0)

ssize_t write(int file, const void *bytes, size_t length) {
  REAL(ssize_t, "write", int, const void *, size_t);
  if (is_refused_here(file, length)) FULL(-1);
  return real(file, bytes, length);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  if (is_refused_here(file, length_of(parts, count))) FULL(-1);
  return real(file, parts, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  if (is_refused(file, at + (off_t)length)) FULL(-1);
  return real(file, bytes, length, at);
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t at) {
  return pwrite64(file, bytes, length, at);
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at) {
  REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off64_t);
  if (is_refused(file, at + (off_t)length_of(parts, count))) FULL(-1);
  return real(file, parts, count, at);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) {
  return pwritev64(file, parts, count, at);
}

int fallocate64(int file, int mode, off64_t at, off64_t length) {
  REAL(int, "fallocate64", int, int, off64_t, off64_t);
  if (is_refused(file, at + length)) FULL(-1);
  return real(file, mode, at, length);
}

int fallocate(int file, int mode, off_t at, off_t length) {
  return fallocate64(file, mode, at, length);
}

int posix_fallocate64(int file, off64_t at, off64_t length) {
  REAL(int, "posix_fallocate64", int, off64_t, off64_t);
  if (is_refused(file, at + length)) return ENOSPC;
  return real(file, at, length);
}

int posix_fallocate(int file, off_t at, off_t length) {
  return posix_fallocate64(file, at, length);
}
