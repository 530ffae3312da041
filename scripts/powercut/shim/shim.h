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
#ifndef TAPELINE_POWERCUT_SHIM_H
#define TAPELINE_POWERCUT_SHIM_H

#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>
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

/* The next definition of a function: libc's own. Looked up once for each wrapper. */
#define NEXT(function)                                                     \
  static __typeof__(&function) next;                                       \
  if (next == NULL) next = (__typeof__(&function))dlsym(RTLD_NEXT, #function)

/* What the files share, and the server it is loaded into must not find by these names. */
#pragma GCC visibility push(hidden)

/* How much longer each flush takes. */
extern useconds_t flush_us;

uint64_t now_ns(void);

/* Whether the descriptor is of a file or directory below the root; where. */
int watched(int fd, struct place *place);

/* Whether a name, which need not exist, is below the root; where. Its directory must exist. */
int named(int directory_fd, const char *name, char *path);

/* The port of a TCP socket's other end, or 0. Sockets tell what the world has been told. */
int peer_port(int fd);

/* Appends to the journal, or ends the process. `data` holds at least `record->data_bytes`. */
void append(struct record *record, const char *path, const char *other, const struct iovec *data,
            int parts);
void append_plain(enum kind kind, int flags, uint64_t start, const char *path, const char *other);
/* The reader refuses a journal with one of these. */
void unsupported(const char *call);
/* Bytes went to a TCP socket; no record if they did not. */
void sent(int port, const struct iovec *data, int parts, ssize_t bytes, uint64_t start);

#pragma GCC visibility pop
#endif
