/** What the page has set by `config`, and whether the visitor lets us do anything at all. */

export interface Message {
  readonly id: string;
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export type Answer = 'accepted' | 'dismissed' | 'received';

/** A page that shows messages by itself gets each with a function that answers it. */
export type ShowMessage = (message: Message, answer: (answer: Answer) => void) => void;

export const settings: {
  key: string | undefined;
  /** Without a slash at the end. */
  server: string;
  pages: boolean;
  consent: boolean;
  /** `none`: nothing outlives the page, which is a visitor of its own. */
  storage: 'local' | 'none';
  /** Keeps the visitor in a cookie too: of this host, or, the identity alone, of a domain and all below it. */
  cookie: boolean | string;
  /** Page views carry the address that the server saw. */
  address: boolean;
  offers: boolean | ShowMessage;
} = {
  key: undefined,
  server: '',
  pages: false,
  consent: true,
  storage: 'local',
  cookie: false,
  address: false,
  offers: false,
};

/**
 * Do Not Track and Global Privacy Control are the visitor's word, and win over the page's: nothing is
 * stored then and nothing is sent.
 */
export function isAllowed(): boolean {
  const { doNotTrack, globalPrivacyControl } = navigator as Navigator & {
    readonly globalPrivacyControl?: boolean;
  };
  return settings.consent && doNotTrack !== '1' && globalPrivacyControl !== true;
}
