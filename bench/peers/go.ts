/** Programs in Go: from the PATH, else built from source into the cache by the Go that is there. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheDirectory } from './debian.ts';
import { Missing, type Tools } from './peer.ts';
import { runProgram } from './process.ts';

interface Wanted {
  /** With its version, as `go install` takes it. Go checks it against its public checksum database. */
  readonly module: string;
  readonly program: string;
  readonly isRight: (version: string) => boolean;
}

/** @throws Missing when it is neither there nor may or can be had. */
export async function findGo(tools: Tools, { isRight, module, program }: Wanted): Promise<string> {
  const binaries = join(cacheDirectory, 'go/bin');
  const found = [...(process.env['PATH'] ?? '').split(delimiter), binaries]
    .map((directory) => join(directory, program))
    .find((command) => {
      if (!existsSync(command)) return false;
      return isRight(runProgram({ command, args: ['--version'] }));
    });
  if (found !== undefined) return found;
  if (!tools.mayInstall) throw new Missing(`there is no ${module}; --install builds it with Go`);
  try {
    runProgram({ command: 'go', args: ['version'] });
  } catch {
    throw new Missing(`${module} is built from source: install Go first`);
  }
  process.stderr.write(`building ${module}\n`);
  try {
    runProgram({
      command: 'go',
      args: ['install', module],
      env: {
        CGO_ENABLED: '0',
        GOBIN: binaries,
        GOPATH: join(cacheDirectory, 'go/path'),
        GOCACHE: join(cacheDirectory, 'go/build'),
        // Otherwise the cache could not simply be removed.
        GOFLAGS: '-modcacherw',
      },
    });
  } catch (error) {
    throw new Missing(`${module} cannot be built: ${(error as Error).message}`);
  }
  return join(binaries, program);
}
