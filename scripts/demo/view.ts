/** The example view: ten rows of a customer's profile, each read from the tape. */
import type { ViewFieldTemplate } from '../../src/client/reader.ts';

export const basicView: readonly ViewFieldTemplate[] = [
  { name: 'Name', event: 'Profile', attribute: 'Name', limit: 1, lookback: '365d', type: 'value' },
  { name: 'City', event: 'Profile', attribute: 'City', limit: 2, lookback: '365d', type: 'value' },
  {
    name: 'Phone',
    event: 'Profile',
    attribute: 'Phone',
    limit: 3,
    lookback: '365d',
    type: 'value',
  },
  { name: 'Items in Cart', event: 'Add To Cart', attribute: 'SKU', lookback: '7d', type: 'count' },
  {
    name: 'Products',
    event: 'Purchased',
    attribute: 'Product',
    limit: 3,
    lookback: '90d',
    type: 'value',
  },
  {
    name: 'Interested',
    event: 'Click',
    attribute: 'Page-Title',
    limit: 1,
    lookback: '1d',
    type: 'value',
  },
  { name: 'Calls', event: 'Call Wrap', attribute: '*', limit: 4, lookback: '30d', type: 'value' },
  {
    name: 'Emails',
    event: 'Email Received',
    attribute: 'Text',
    limit: 4,
    lookback: '30d',
    type: 'value',
  },
  {
    name: 'Chats',
    event: 'Chat Wrap',
    attribute: 'Transcript',
    limit: 4,
    lookback: '30d',
    type: 'value',
  },
  { name: 'Activity', event: 'Login', lookback: '30d', type: 'sum' },
];
