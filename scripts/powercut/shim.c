/*
 * The power cut's witness: preloaded into a server (LD_PRELOAD), it logs every system call that changes
 * a file or a name below one directory, every flush, and what is sent to TCP sockets, with the times at
 * which each call began and ended. Linux, glibc. Read by journal.ts, which draws the record.
 *
 *   TAPELINE_POWERCUT_ROOT      the directory to watch (absolute, no symbolic links)
 *   TAPELINE_POWERCUT_JOURNAL   the file to append to, outside that directory
 *   TAPELINE_POWERCUT_FLUSH_US  how much longer each flush takes: what others do meanwhile is the point
 *
 * A record is appended when its call has ended and before the caller goes on, so that no thread can
 * build on a call that is not in the journal. Nothing is kept about descriptors: the kernel is asked
 * what each one is, so duplicates and reused numbers need no care. Calls that are not modelled are
 * logged as such, and the reader refuses the journal.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind {
  kind_open = 1,
  kind_write,
  kind_truncate,
  kind_flush,
  kind_rename,
  kind_unlink,
  kind_mkdir,
  kind_rmdir,
  kind_map,
  kind_send,
  kind_unsupported,
};

enum { flag_synchronous = 1, flag_directory = 2, flag_emptied = 4 };

#define MAGIC 0x74756374u

struct record {
  uint32_t magic;
  uint16_t kind;
  uint16_t flags;
  uint64_t start_ns;
  uint64_t end_ns;
  uint64_t inode;
  /* Where a write begins, a truncated file's size, the peer's port of what was sent. */
  uint64_t offset;
  uint32_t path_bytes;
  uint32_t other_bytes;
  uint64_t data_bytes;
};

struct place {
  struct stat stat;
  char path[PATH_MAX];
};

static char root[PATH_MAX];
static size_t root_bytes;
static int journal = -1;
static useconds_t flush_us;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* The next definition of a function: libc's own. Looked up once for each wrapper. */
#define NEXT(function)                                                     \
  static __typeof__(&function) next;                                       \
  if (next == NULL) next = (__typeof__(&function))dlsym(RTLD_NEXT, #function)

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fail(const char *what) {
  static const char name[] = "powercut shim: ";
  (void)!write(2, name, sizeof name - 1);
  (void)!write(2, what, strlen(what));
  (void)!write(2, "\n", 1);
  abort();
}

__attribute__((constructor)) static void begin(void) {
  const char *directory = getenv("TAPELINE_POWERCUT_ROOT");
  const char *file = getenv("TAPELINE_POWERCUT_JOURNAL");
  const char *delay = getenv("TAPELINE_POWERCUT_FLUSH_US");
  if (directory == NULL || file == NULL) return;
  if (delay != NULL) flush_us = (useconds_t)atoi(delay);
  journal = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (journal < 0) fail("cannot open the journal");
  if (realpath(directory, root) == NULL) fail("the watched directory does not exist");
  root_bytes = strlen(root);
}

static int is_below(const char *path) {
  if (root_bytes == 0 || strncmp(path, root, root_bytes) != 0) return 0;
  return path[root_bytes] == '/' || path[root_bytes] == 0;
}

/* Whether the descriptor is of a file or directory below the root; where. */
static int watched(int fd, struct place *place) {
  if (root_bytes == 0 || fd < 0 || fd == journal) return 0;
  int error = errno;
  int found = 0;
  if (fstat(fd, &place->stat) == 0 &&
      (S_ISREG(place->stat.st_mode) || S_ISDIR(place->stat.st_mode))) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t bytes = readlink(link, place->path, sizeof place->path - 1);
    if (bytes > 0) {
      place->path[bytes] = 0;
      found = is_below(place->path);
    }
  }
  errno = error;
  return found;
}

/* The absolute path of a name, which need not exist; its directory must. */
static int named(int directory_fd, const char *name, char *path) {
  if (root_bytes == 0 || name == NULL) return 0;
  int error = errno;
  char given[PATH_MAX * 2] = "";
  if (name[0] != '/' && directory_fd != AT_FDCWD) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", directory_fd);
    ssize_t bytes = readlink(link, given, PATH_MAX - 2);
    if (bytes < 0) bytes = 0;
    given[bytes] = '/';
    given[bytes + 1] = 0;
  }
  strncat(given, name, PATH_MAX - 1);
  size_t length = strlen(given);
  while (length > 1 && given[length - 1] == '/') given[--length] = 0;
  char *slash = strrchr(given, '/');
  const char *last = slash == NULL ? given : slash + 1;
  char parent[PATH_MAX];
  if (slash != NULL) *slash = 0;
  int found = 0;
  if (realpath(slash == NULL ? "." : given[0] == 0 ? "/" : given, parent) != NULL) {
    int bytes = snprintf(path, PATH_MAX, "%s/%s", parent, last);
    found = bytes > 0 && bytes < PATH_MAX && is_below(path);
  }
  errno = error;
  return found;
}

static void append(struct record *record, const char *path, const char *other,
                   const struct iovec *data, int parts) {
  NEXT(writev);
  int error = errno;
  struct iovec all[1024 + 3];
  record->magic = MAGIC;
  record->path_bytes = path == NULL ? 0 : (uint32_t)strlen(path);
  record->other_bytes = other == NULL ? 0 : (uint32_t)strlen(other);
  all[0] = (struct iovec){record, sizeof *record};
  all[1] = (struct iovec){(void *)path, record->path_bytes};
  all[2] = (struct iovec){(void *)other, record->other_bytes};
  int count = 3;
  uint64_t left = record->data_bytes;
  /* A call may have taken less than it was given. */
  for (int part = 0; part < parts && left > 0 && part < 1021; part++) {
    size_t bytes = data[part].iov_len < left ? data[part].iov_len : left;
    all[count++] = (struct iovec){data[part].iov_base, bytes};
    left -= bytes;
  }
  if (left > 0) fail("a write has too many parts");
  size_t wanted = 0;
  for (int part = 0; part < count; part++) wanted += all[part].iov_len;
  pthread_mutex_lock(&turn);
  if (next(journal, all, count) != (ssize_t)wanted) fail("the journal cannot be written");
  pthread_mutex_unlock(&turn);
  errno = error;
}

static void append_plain(enum kind kind, int flags, uint64_t start, const char *path,
                         const char *other) {
  struct record record = {.kind = kind, .flags = flags, .start_ns = start, .end_ns = now_ns()};
  append(&record, path, other, NULL, 0);
}

static void unsupported(const char *call) {
  append_plain(kind_unsupported, 0, now_ns(), call, NULL);
}

/* Files: opening, writing, flushing ------------------------------------------------------------- */

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

/* The port of a TCP socket's other end, or 0. Sockets tell what the world has been told. */
static int peer_port(int fd) {
  struct stat stat;
  int error = errno;
  int port = 0;
  if (root_bytes > 0 && fd >= 0 && fstat(fd, &stat) == 0 && S_ISSOCK(stat.st_mode)) {
    struct sockaddr_storage peer;
    socklen_t bytes = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &bytes) == 0) {
      if (peer.ss_family == AF_INET) port = ntohs(((struct sockaddr_in *)&peer)->sin_port);
      if (peer.ss_family == AF_INET6) port = ntohs(((struct sockaddr_in6 *)&peer)->sin6_port);
    }
  }
  errno = error;
  return port;
}

static void sent(int port, const struct iovec *data, int parts, ssize_t bytes, uint64_t start) {
  if (port == 0 || bytes <= 0) return;
  struct record record = {.kind = kind_send,
                          .start_ns = start,
                          .end_ns = now_ns(),
                          .offset = (uint64_t)port,
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

/* Names ------------------------------------------------------------------------------------------ */

/* One name changes: `call` makes it so. */
#define NAME(kind, directory, name, call)                             \
  char path[PATH_MAX];                                                \
  int isWatched = named(directory, name, path);                       \
  uint64_t start = now_ns();                                          \
  int result = call;                                                  \
  if (result == 0 && isWatched) append_plain(kind, 0, start, path, NULL); \
  return result

int unlink(const char *name) {
  NEXT(unlink);
  NAME(kind_unlink, AT_FDCWD, name, next(name));
}

int unlinkat(int directory, const char *name, int flags) {
  NEXT(unlinkat);
  NAME(flags & AT_REMOVEDIR ? kind_rmdir : kind_unlink, directory, name,
       next(directory, name, flags));
}

/* glibc's calls the kernel by itself, past `unlink` and `rmdir`. */
int remove(const char *name) {
  struct stat stat;
  if (lstat(name, &stat) == 0 && S_ISDIR(stat.st_mode)) return rmdir(name);
  return unlink(name);
}

int rmdir(const char *name) {
  NEXT(rmdir);
  NAME(kind_rmdir, AT_FDCWD, name, next(name));
}

int mkdir(const char *name, mode_t mode) {
  NEXT(mkdir);
  NAME(kind_mkdir, AT_FDCWD, name, next(name, mode));
}

int mkdirat(int directory, const char *name, mode_t mode) {
  NEXT(mkdirat);
  NAME(kind_mkdir, directory, name, next(directory, name, mode));
}

#define RENAME(from_directory, from, to_directory, to, call)          \
  char before[PATH_MAX], after[PATH_MAX];                             \
  int leaves = named(from_directory, from, before);                   \
  int comes = named(to_directory, to, after);                         \
  uint64_t start = now_ns();                                          \
  int result = call;                                                  \
  if (result == 0 && leaves != comes) unsupported("rename into or out of the directory"); \
  if (result == 0 && leaves && comes) append_plain(kind_rename, 0, start, before, after); \
  return result

int rename(const char *from, const char *to) {
  NEXT(rename);
  RENAME(AT_FDCWD, from, AT_FDCWD, to, next(from, to));
}

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
  NEXT(renameat);
  RENAME(from_directory, from, to_directory, to, next(from_directory, from, to_directory, to));
}

int renameat2(int from_directory, const char *from, int to_directory, const char *to,
              unsigned flags) {
  NEXT(renameat2);
  if (flags == RENAME_EXCHANGE) unsupported("renameat2");
  RENAME(from_directory, from, to_directory, to,
         next(from_directory, from, to_directory, to, flags));
}

/* Calls that are not modelled -------------------------------------------------------------------- */

static void refuse(int fd, const char *call) {
  struct place place;
  if (watched(fd, &place)) unsupported(call);
}

static void refuse_name(int directory, const char *name, const char *call) {
  char path[PATH_MAX];
  if (named(directory, name, path)) unsupported(call);
}

int link(const char *from, const char *to) {
  NEXT(link);
  refuse_name(AT_FDCWD, to, "link");
  return next(from, to);
}

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags) {
  NEXT(linkat);
  refuse_name(to_directory, to, "linkat");
  return next(from_directory, from, to_directory, to, flags);
}

int symlink(const char *target, const char *name) {
  NEXT(symlink);
  refuse_name(AT_FDCWD, name, "symlink");
  return next(target, name);
}

int truncate(const char *name, off_t size) {
  NEXT(truncate);
  refuse_name(AT_FDCWD, name, "truncate");
  return next(name, size);
}

ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t bytes,
                        unsigned flags) {
  NEXT(copy_file_range);
  refuse(out, "copy_file_range");
  return next(in, in_at, out, out_at, bytes, flags);
}

ssize_t sendfile64(int out, int in, off_t *offset, size_t bytes) {
  NEXT(sendfile64);
  refuse(out, "sendfile");
  return next(out, in, offset, bytes);
}

int fallocate(int fd, int mode, off_t offset, off_t bytes) {
  NEXT(fallocate);
  refuse(fd, "fallocate");
  return next(fd, mode, offset, bytes);
}

int posix_fallocate(int fd, off_t offset, off_t bytes) {
  NEXT(posix_fallocate);
  refuse(fd, "posix_fallocate");
  return next(fd, offset, bytes);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
  NEXT(pwritev2);
  refuse(fd, "pwritev2");
  return next(fd, parts, count, offset, flags);
}

/* Sockets ---------------------------------------------------------------------------------------- */

ssize_t send(int fd, const void *data, size_t bytes, int flags) {
  NEXT(send);
  uint64_t start = now_ns();
  ssize_t done = next(fd, data, bytes, flags);
  struct iovec part = {(void *)data, bytes};
  if (done > 0) sent(peer_port(fd), &part, 1, done, start);
  return done;
}

ssize_t sendto(int fd, const void *data, size_t bytes, int flags, const struct sockaddr *to,
               socklen_t to_bytes) {
  NEXT(sendto);
  uint64_t start = now_ns();
  ssize_t done = next(fd, data, bytes, flags, to, to_bytes);
  struct iovec part = {(void *)data, bytes};
  if (done > 0) sent(peer_port(fd), &part, 1, done, start);
  return done;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  NEXT(sendmsg);
  uint64_t start = now_ns();
  ssize_t done = next(fd, message, flags);
  if (done > 0) {
    sent(peer_port(fd), message->msg_iov, (int)message->msg_iovlen, done, start);
  }
  return done;
}
