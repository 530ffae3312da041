/** How the desk of the demo says what happened: one line of plain words for each event. */

interface Told {
  readonly type: string;
  readonly customer: string;
  readonly channel?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface Line {
  readonly text: string;
  /** Where it happened. */
  readonly detail: string;
  /** For the style. */
  readonly kind: string;
  /** A drawing in 24 by 24. */
  readonly path: string;
}

const drawings = {
  visit: 'M3 12h18M12 3a14 14 0 0 1 0 18a14 14 0 0 1 0-18zM12 3a9 9 0 0 1 0 18a9 9 0 0 1 0-18z',
  offer: 'M3 11V4a1 1 0 0 1 1-1h7l10 10-8 8zM7.5 7.5h.01',
  cart: 'M3 4h2l2.4 11h10.2L20 7H6M9 20h.01M17 20h.01',
  login: 'M12 12a4 4 0 1 0 0-8a4 4 0 0 0 0 8zM4 21c0-4 3.6-6 8-6s8 2 8 6',
  ivr: 'M5 4h4l2 5-3 2a11 11 0 0 0 5 5l2-3 5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2z',
  other: 'M12 8v5M12 16.5h.01M12 3a9 9 0 0 1 0 18a9 9 0 0 1 0-18z',
} as const;

export function describe({ channel, customer, data = {}, type }: Told): Line {
  const of = (name: string): string => String(data[name] ?? '');
  const [kind, text] = wordsOf(type, customer, of);
  const place = channel === 'ivr' ? `Phone · ${of('Choice')}` : `Web · ${of('Page-Title')}`;
  return { text, kind, detail: place, path: drawings[kind] };
}

function wordsOf(
  type: string,
  customer: string,
  of: (name: string) => string,
): [keyof typeof drawings, string] {
  switch (type) {
    case 'Page View':
      return ['visit', `Visited the store from IP ${of('IP')}`];
    case 'Offer Clicked':
      return ['offer', `Offer clicked: ${of('Offer')}`];
    case 'Add To Cart':
      return ['cart', `Added to cart: ${of('Product')}`];
    case 'Login':
      return ['login', `Member ${customer} logged in`];
    case 'Logout':
      return ['login', `Member ${customer} logged out`];
    case 'IVR Call':
      return ['ivr', 'Called the IVR'];
    case 'Offer Shown':
    case 'Offer Accepted':
    case 'Offer Dismissed':
      return [
        'offer',
        `${type.replace(/ (.)/, (_, letter: string) => ` ${letter.toLowerCase()}`)}: ${of('Title')}`,
      ];
    default:
      return ['other', type];
  }
}
