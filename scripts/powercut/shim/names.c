/* Names: made, changed and removed. */
#include "shim.h"

#include <fcntl.h>
#include <stdio.h>

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
