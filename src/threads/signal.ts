/** A promise and the function that fulfils it. */
export class Signal {
  fulfil!: () => void;
  reject!: (error: Error) => void;
  readonly promise = new Promise<void>((resolve, reject) => {
    this.fulfil = resolve;
    this.reject = reject;
  });
}
