/** What a shard answers to a parcel. */
import { row } from './layout.ts';
import { type ParcelData, parcelRowAt } from './parcel.ts';
import { sentId } from './record.ts';

/** What became of one batch's events in one parcel: ticket, accepted, duplicates. */
export const outcomeWords = 3;

/** The answer to one parcel; `buffer` goes back to its front. */
export interface ParcelReceipt {
  readonly buffer: ArrayBuffer;
  /** `outcomeWords` for each batch: one array crosses threads far more cheaply than many objects. */
  readonly outcomes: Uint32Array;
  /** New events that are not stored. */
  readonly refused: readonly RefusedEvents[];
}

/** Events of one batch that could not be stored: their numbers in it, and their ids as sent. */
export interface RefusedEvents {
  readonly ticket: number;
  readonly events: readonly { readonly index: number; readonly id: string | undefined }[];
}

export interface WaitingParcel {
  readonly parcel: ParcelData;
  readonly outcomes: number[];
  readonly reply: (receipt: ParcelReceipt) => void;
}

/** Everything is stored. */
export function receiptOf({ parcel, outcomes }: WaitingParcel): ParcelReceipt {
  return { buffer: parcel.buffer, outcomes: Uint32Array.from(outcomes), refused: [] };
}

/** Refuses a whole parcel, naming each event by its batch and its number there. */
export function refuse({ parcel }: WaitingParcel): ParcelReceipt {
  const view = new DataView(parcel.buffer);
  const payloads = new Uint8Array(parcel.buffer);
  const refused: { ticket: number; events: { index: number; id: string | undefined }[] }[] = [];
  for (let record = 0; record < parcel.records; record++) {
    const at = parcelRowAt(parcel.buffer.byteLength, record);
    const ticket = view.getUint32(at + row.ticket, true);
    if (refused.at(-1)?.ticket !== ticket) refused.push({ ticket, events: [] });
    const id = sentId({ payloads, rows: view, rowAt: at });
    refused.at(-1)!.events.push({ index: view.getUint16(at + row.index, true), id });
  }
  return { buffer: parcel.buffer, outcomes: new Uint32Array(0), refused };
}
