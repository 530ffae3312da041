/* The journal: what is watched, what a descriptor or a name means, and appending to it. */
#include "shim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static char root[PATH_MAX];
static size_t root_bytes;
static int journal = -1;
useconds_t flush_us;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

uint64_t now_ns(void) {
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

int watched(int fd, struct place *place) {
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

int named(int directory_fd, const char *name, char *path) {
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

void append(struct record *record, const char *path, const char *other, const struct iovec *data,
            int parts) {
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

void append_plain(enum kind kind, int flags, uint64_t start, const char *path, const char *other) {
  struct record record = {.kind = kind, .flags = flags, .start_ns = start, .end_ns = now_ns()};
  append(&record, path, other, NULL, 0);
}

void unsupported(const char *call) {
  append_plain(kind_unsupported, 0, now_ns(), call, NULL);
}

int peer_port(int fd) {
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

void sent(int port, const struct iovec *data, int parts, ssize_t bytes, uint64_t start) {
  if (port == 0 || bytes <= 0) return;
  struct record record = {.kind = kind_send,
                          .start_ns = start,
                          .end_ns = now_ns(),
                          .offset = (uint64_t)port,
                          .data_bytes = (uint64_t)bytes};
  append(&record, NULL, NULL, data, parts);
}
