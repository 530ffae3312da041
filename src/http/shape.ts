/** Pieces that the schemas of several rooms are made of. */
import { Type } from 'typebox';

/** Points at a shape in the document; for describing only, never for checking. */
export function ref(name: string) {
  return Type.Unsafe<unknown>({ $ref: `#/components/schemas/${name}` });
}

export const closed = { additionalProperties: false } as const;
export const text = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, description });
export const epochMs = (description: string) =>
  Type.Integer({ description: `${description}, epoch milliseconds`, examples: [1763740000000] });
export const cursor = (description: string) => Type.String({ description });
export const anything = (description: string) => Type.Unsafe<unknown>({ description });
