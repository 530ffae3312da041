/**
 * Which of a hundred percent a customer falls into: always the same for the same customer and salt, and as
 * good as independent for another salt. The hash is the one of GrowthBook's clients (FNV-1a of 32 bits; version 2 hashes
 * twice, since neighbours fall close together after one), so whoever assigns by it in a page gets the same.
 */

const offsetBasis = 0x811c9dc5;
const prime = 0x01000193;
/** Steps of a hundredth of a percent. */
const bucketsOfVersion2 = 10_000;
const bucketsOfVersion1 = 1000;

/** FNV-1a over the UTF-16 units of a text, as GrowthBook takes them; unsigned. */
export function hashText(text: string): number {
  let hash = offsetBasis;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), prime);
  return hash >>> 0;
}

/** @returns a fraction in [0, 1), as GrowthBook's `hash` gives it for this seed and value. */
export function fractionOf(seed: string, value: string, version: 1 | 2): number {
  if (version === 1) return (hashText(value + seed) % bucketsOfVersion1) / bucketsOfVersion1;
  return (hashText(String(hashText(seed + value))) % bucketsOfVersion2) / bucketsOfVersion2;
}

/** @returns where a customer falls: percent in [0, 100), in steps of a hundredth. */
export function bucketOf(customer: string, salt: string): number {
  return (hashText(String(hashText(salt + customer))) % bucketsOfVersion2) / 100;
}
