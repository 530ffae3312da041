/** The metrics of the process in the text format of Prometheus. */
import { Counter, Gauge, type Metric, Registry } from 'prom-client';
import {
  type HistogramName,
  histogramTable,
  type MetricName,
  metricTable,
  sumHistogram,
  sumMetrics,
} from '../std/metrics.ts';
import type { Front } from './context.ts';
import type { Reply } from './reply.ts';

export async function expose(front: Front): Promise<Reply> {
  front.lookAtGauges();
  const registry = new Registry();
  addTable(registry, front.metricsMemory);
  addProcess(registry, front);
  return { status: 200, body: await registry.metrics(), type: registry.contentType };
}

/** Every metric of the table, summed over the threads. */
function addTable(registry: Registry, memory: SharedArrayBuffer): void {
  const registers = [registry];
  for (const [name, value] of sumMetrics(memory)) addOne(registers, name, value);
  for (const name of Object.keys(histogramTable) as HistogramName[]) {
    addHistogram(registry, name, memory);
  }
}

/** The library's own histogram takes one duration at a time; here they are counted already. */
function addHistogram(registry: Registry, called: HistogramName, memory: SharedArrayBuffer): void {
  const name = `tapeline_${called}`;
  const { count, sum, upTo } = sumHistogram(memory, called);
  const of = (part: string, value: number, labels = {}) => {
    return { metricName: `${name}_${part}`, value, labels };
  };
  const values = [
    ...upTo.map(([le, upToIt]) => of('bucket', upToIt, { le })),
    of('bucket', count, { le: '+Inf' }),
    of('sum', sum),
    of('count', count),
  ];
  const metric = { name, help: histogramTable[called], type: 'histogram', values };
  registry.registerMetric({ name, get: async () => metric } as unknown as Metric);
}

function addOne(registers: Registry[], name: MetricName, value: number): void {
  const [kind, help] = metricTable[name];
  const settings = { name: `tapeline_${name}`, help, registers };
  if (kind === 'counter') new Counter(settings).inc(value);
  else new Gauge(settings).set(value);
}

function addProcess(registry: Registry, front: Front): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: number): void => {
    new Gauge({ name: `tapeline_${name}`, help, registers }).set(value);
  };
  const { rss, external, arrayBuffers } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  gauge(
    'up',
    'Whether requests are served (1) or not (0)',
    front.health().status === 'ready' ? 1 : 0,
  );
  gauge('process_resident_memory_bytes', 'Resident memory of the process', rss);
  gauge(
    'process_external_memory_bytes',
    'Memory outside the heap of the answering thread',
    external,
  );
  gauge('process_array_buffers_bytes', 'ArrayBuffers of the answering thread', arrayBuffers);
  gauge('process_uptime_seconds', 'Seconds since the process started', process.uptime());
  gauge('workspaces', 'Workspaces', front.directory.workspaces().length);
  new Counter({
    name: 'tapeline_process_cpu_seconds_total',
    help: 'CPU time of the process, all threads',
    registers,
  }).inc((user + system) / 1e6);
  new Gauge({
    name: 'tapeline_build_info',
    help: 'Constant 1; the labels say what runs',
    labelNames: ['node', 'api'],
    registers,
  }).set({ node: process.version, api: 'v1' }, 1);
}
