/** Finding the port that all fronts will listen on. */
import { type AddressInfo, createServer } from 'node:net';
import { AppError } from '../std/errors.ts';

/**
 * Makes sure that nobody listens on the port: fronts share it by SO_REUSEPORT, so a second server
 * would not fail but steal connections (two that start in the same instant still can). For port 0 it finds a free one, because all fronts need the
 * same, and because uWebSockets sets address reuse only for a port it is told.
 */
export function findPort(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (cause) => {
      reject(
        new AppError('conflict', `cannot listen on ${host}:${port}: ${cause.message}`, { cause }),
      );
    });
    probe.listen(port, host, () => {
      const found = (probe.address() as AddressInfo).port;
      probe.close(() => resolve(found));
    });
  });
}
