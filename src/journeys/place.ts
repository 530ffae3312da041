/** Places on earth and how far they are from each other, along a great circle of a sphere. */

/** Degrees: latitude −90…90, longitude −180…180. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** The mean radius of the earth (IUGG). */
export const earthRadiusMeters = 6_371_008.7714;
export const metersPerMile = 1609.344;
const radiansPerDegree = Math.PI / 180;

export function isPlace({ latitude, longitude }: Place): boolean {
  // What is not a number fails both.
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
}

/** By the haversine formula, which is exact for near places too. */
export function metersBetween(a: Place, b: Place): number {
  const north = haversine((b.latitude - a.latitude) * radiansPerDegree);
  const east = haversine((b.longitude - a.longitude) * radiansPerDegree);
  const shrink = Math.cos(a.latitude * radiansPerDegree) * Math.cos(b.latitude * radiansPerDegree);
  return 2 * earthRadiusMeters * Math.asin(Math.sqrt(Math.min(1, north + shrink * east)));
}

export function milesBetween(a: Place, b: Place): number {
  return metersBetween(a, b) / metersPerMile;
}

/** Inclusive; a place that is not known is within nothing. */
export function isWithin(a: Place | undefined, b: Place | undefined, miles: number): boolean {
  return a !== undefined && b !== undefined && metersBetween(a, b) <= miles * metersPerMile;
}

function haversine(radians: number): number {
  return Math.sin(radians / 2) ** 2;
}
