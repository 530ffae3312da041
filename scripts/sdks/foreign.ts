/** The libraries of Segment for Python, Java and Go, each in a small program that sends a plan. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Library, Ready } from './library.ts';
import { exactDigits, exactMark, type Message, makeMessages } from './messages.ts';
import { cached, fetchTool, runTool, sourceOf, type Tool } from './tools.ts';

/** Sends a plan with a program that reads it from its input. */
function sender(program: Tool, more: object = {}): Ready['send'] {
  return async ({ stem, url, visitors, writeKey }, stored) => {
    const messages = makeMessages(stem, visitors).map(withExactNumber);
    const plan = JSON.stringify({ url, writeKey, messages, ...more });
    await runTool({ ...program, stdin: plan.replaceAll(`"${exactMark}"`, exactDigits) });
    await stored(messages);
  };
}

/** These languages can send a number that a double cannot hold. */
function withExactNumber(message: Message): Message {
  if (message.timestamp === undefined) return message;
  return { ...message, details: { ...message.details, exact: exactMark } };
}

/** Older ones carry the key in the body alone, newer ones in a header. */
function pythonLibrary(version: string, gzip: boolean): Library {
  const name = 'segment-analytics-python';
  return {
    name: gzip ? `${name}, gzip` : name,
    async prepare() {
      const directory = cached(`python-${version}`);
      const python = join(directory, 'bin/python');
      if (!existsSync(join(directory, 'ready'))) {
        await fetchTool({ command: 'python3', args: ['-m', 'venv', directory] });
        await fetchTool({
          command: python,
          args: ['-m', 'pip', 'install', '-q', `${name}==${version}`],
        });
        writeFileSync(join(directory, 'ready'), '');
      }
      return { version, send: sender({ command: python, args: [sourceOf('send.py')] }, { gzip }) };
    },
  };
}

export const python = pythonLibrary('2.4.0', true);
export const pythonBefore = pythonLibrary('2.3.3', false);

const javaVersion = '3.5.4';

export const java: Library = {
  name: 'com.segment.analytics.java:analytics',
  // It waits for 15 s and then ever longer before it sends a batch again.
  faults: [429, 'lost', 500, 'cut'],
  async prepare() {
    const directory = cached(`java-${javaVersion}`);
    const jars = join(directory, 'jars');
    if (!existsSync(join(directory, 'ready'))) {
      const pom = join(directory, 'pom.xml');
      writeFileSync(pom, pomOf(javaVersion));
      const repository = `-Dmaven.repo.local=${cached('maven')}`;
      const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${jars}`];
      await fetchTool({ command: 'mvn', args: ['-q', '-B', '-f', pom, repository, ...goal] });
      writeFileSync(join(directory, 'ready'), '');
    }
    const args = ['-cp', join(jars, '*'), sourceOf('Send.java')];
    return { version: javaVersion, send: sender({ command: 'java', args }) };
  },
};

function pomOf(version: string): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>sender</artifactId><version>1</version><dependencies><dependency>
<groupId>com.segment.analytics.java</groupId><artifactId>analytics</artifactId><version>${version}</version>
</dependency></dependencies></project>`;
}

const goModule = 'github.com/segmentio/analytics-go/v3';
const goVersion = 'v3.3.0';

export const go: Library = {
  name: goModule,
  async prepare() {
    const directory = cached(`go-${goVersion}`);
    const program = join(directory, 'sender');
    const env = {
      CGO_ENABLED: '0',
      GOPATH: cached('go-path'),
      GOCACHE: cached('go-build'),
      // Otherwise the cache could not simply be removed.
      GOFLAGS: '-modcacherw -mod=mod',
    };
    if (!existsSync(program)) {
      writeFileSync(
        join(directory, 'go.mod'),
        `module sender\n\ngo 1.21\n\nrequire ${goModule} ${goVersion}\n`,
      );
      const args = ['build', '-o', program, sourceOf('send.go')];
      await fetchTool({ command: 'go', args, cwd: directory, env });
    }
    return { version: goVersion.slice(1), send: sender({ command: program, args: [] }) };
  },
};
