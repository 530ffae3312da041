/** Customers are joined and parted where the tape says so. */
import type { LinkReader } from '../../identity/reader.ts';
import type { Aliases } from './aliases.ts';
import type { WorkspaceForce } from './force.ts';
import type { SeenEvent } from './moment.ts';
import type { Person, Persons } from './persons.ts';

export interface LinksParts {
  readonly reader: LinkReader;
  readonly aliases: Aliases;
  readonly persons: Persons;
  readonly touched: (person: Person) => void;
}

export class Links {
  readonly parts: LinksParts;

  constructor(parts: LinksParts) {
    this.parts = parts;
  }

  /** @returns whether the event was about who belongs to whom. */
  take(_workspace: number, _customer: string, event: SeenEvent, _force: WorkspaceForce): boolean {
    return ['tapeline.link', 'tapeline.merge', 'tapeline.unmerge'].includes(event.type);
  }
}
