/* Sockets: what is sent to them. */
#include "shim.h"

#include <sys/socket.h>

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
