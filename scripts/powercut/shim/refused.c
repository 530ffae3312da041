/* Calls that are not modelled: the journal says so, and its reader refuses it. */
#include "shim.h"

#include <fcntl.h>
#include <sys/sendfile.h>

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
