/* Files: opening, writing, flushing. What `write` and `writev` send to a socket is seen here too. */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>

static void opened(int fd, int flags, uint64_t start) {
  struct place place;
  int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
  if (fd < 0 || !writes || (flags & O_TMPFILE) == O_TMPFILE || !watched(fd, &place)) return;
  struct record record = {.kind = kind_open,
                          .flags = flags & O_TRUNC ? flag_emptied : 0,
                          .start_ns = start,
                          .end_ns = now_ns(),
                          .inode = place.stat.st_ino};
  append(&record, place.path, NULL, NULL, 0);
}

#define OPEN(function)                                        \
  int function(const char *path, int flags, ...) {            \
    NEXT(function);                                           \
    va_list more;                                             \
    va_start(more, flags);                                    \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
    va_end(more);                                             \
    uint64_t start = now_ns();                                \
    int fd = next(path, flags, mode);                         \
    opened(fd, flags, start);                                 \
    return fd;                                                \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(function)                                      \
  int function(int directory, const char *path, int flags, ...) { \
    NEXT(function);                                           \
    va_list more;                                             \
    va_start(more, flags);                                    \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
    va_end(more);                                             \
    uint64_t start = now_ns();                                \
    int fd = next(directory, path, flags, mode);              \
    opened(fd, flags, start);                                 \
    return fd;                                                \
  }
OPENAT(openat)
OPENAT(openat64)

#define CREAT(function)                                       \
  int function(const char *path, mode_t mode) {               \
    NEXT(function);                                           \
    uint64_t start = now_ns();                                \
    int fd = next(path, mode);                                \
    opened(fd, O_WRONLY | O_CREAT | O_TRUNC, start);          \
    return fd;                                                \
  }
CREAT(creat)
CREAT(creat64)

/* `offset` < 0: the descriptor's own position, which has moved on by what was written. */
static void wrote(int fd, const struct iovec *data, int parts, ssize_t bytes, off_t offset,
                  uint64_t start) {
  struct place place;
  if (bytes <= 0 || !watched(fd, &place)) return;
  int error = errno;
  if (offset < 0) offset = lseek(fd, 0, SEEK_CUR) - bytes;
  int isSynchronous = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
  errno = error;
  struct record record = {.kind = kind_write,
                          .flags = isSynchronous ? flag_synchronous : 0,
                          .start_ns = start,
                          .end_ns = now_ns(),
                          .inode = place.stat.st_ino,
                          .offset = (uint64_t)offset,
                          .data_bytes = (uint64_t)bytes};
  append(&record, NULL, NULL, data, parts);
}

ssize_t write(int fd, const void *data, size_t bytes) {
  NEXT(write);
  uint64_t start = now_ns();
  ssize_t done = next(fd, data, bytes);
  struct iovec part = {(void *)data, bytes};
  wrote(fd, &part, 1, done, -1, start);
  if (done > 0) sent(peer_port(fd), &part, 1, done, start);
  return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  NEXT(writev);
  uint64_t start = now_ns();
  ssize_t done = next(fd, parts, count);
  wrote(fd, parts, count, done, -1, start);
  if (done > 0) sent(peer_port(fd), parts, count, done, start);
  return done;
}

#define PWRITE(function)                                              \
  ssize_t function(int fd, const void *data, size_t bytes, off_t offset) { \
    NEXT(function);                                                   \
    uint64_t start = now_ns();                                        \
    ssize_t done = next(fd, data, bytes, offset);                     \
    struct iovec part = {(void *)data, bytes};                        \
    wrote(fd, &part, 1, done, offset, start);                         \
    return done;                                                      \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PWRITEV(function)                                             \
  ssize_t function(int fd, const struct iovec *parts, int count, off_t offset) { \
    NEXT(function);                                                   \
    uint64_t start = now_ns();                                        \
    ssize_t done = next(fd, parts, count, offset);                    \
    wrote(fd, parts, count, done, offset, start);                     \
    return done;                                                      \
  }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define FTRUNCATE(function)                                           \
  int function(int fd, off_t size) {                                  \
    NEXT(function);                                                   \
    uint64_t start = now_ns();                                        \
    int result = next(fd, size);                                      \
    struct place place;                                               \
    if (result == 0 && watched(fd, &place)) {                         \
      struct record record = {.kind = kind_truncate,                  \
                              .start_ns = start,                      \
                              .end_ns = now_ns(),                     \
                              .inode = place.stat.st_ino,             \
                              .offset = (uint64_t)size};              \
      append(&record, NULL, NULL, NULL, 0);                           \
    }                                                                 \
    return result;                                                    \
  }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

#define FLUSH(function)                                               \
  int function(int fd) {                                              \
    NEXT(function);                                                   \
    uint64_t start = now_ns();                                        \
    int result = next(fd);                                            \
    struct place place;                                               \
    if (result == 0 && watched(fd, &place)) {                         \
      if (flush_us > 0) usleep(flush_us);                             \
      struct record record = {                                        \
          .kind = kind_flush,                                         \
          .flags = S_ISDIR(place.stat.st_mode) ? flag_directory : 0,  \
          .start_ns = start,                                          \
          .end_ns = now_ns(),                                         \
          .inode = place.stat.st_ino};                                \
      append(&record, place.path, NULL, NULL, 0);                     \
    }                                                                 \
    return result;                                                    \
  }
FLUSH(fsync)
FLUSH(fdatasync)

#define MMAP(function)                                                \
  void *function(void *at, size_t bytes, int protection, int flags, int fd, off_t offset) { \
    NEXT(function);                                                   \
    uint64_t start = now_ns();                                        \
    void *result = next(at, bytes, protection, flags, fd, offset);    \
    struct place place;                                               \
    if (result != MAP_FAILED && (flags & MAP_SHARED) && (protection & PROT_WRITE) && \
        watched(fd, &place)) {                                        \
      struct record record = {.kind = kind_map,                       \
                              .start_ns = start,                      \
                              .end_ns = now_ns(),                     \
                              .inode = place.stat.st_ino};            \
      append(&record, place.path, NULL, NULL, 0);                     \
    }                                                                 \
    return result;                                                    \
  }
MMAP(mmap)
MMAP(mmap64)
