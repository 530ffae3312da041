/** A promise and the function that fulfils it. */
export class Signal<Value = void> {
  fulfil!: (value: Value) => void;
  reject!: (error: Error) => void;
  readonly promise = new Promise<Value>((resolve, reject) => {
    this.fulfil = resolve;
    this.reject = reject;
  });
}
