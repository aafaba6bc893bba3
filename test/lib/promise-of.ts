import * as pulumi from "@pulumi/pulumi";

/** Value of an Output; the only place in the tests that may call `.apply`. */
export function promiseOf<T>(output: pulumi.Input<T>): Promise<pulumi.Unwrap<T>> {
  return new Promise((resolve) => {
    pulumi.output(output).apply((value) => {
      resolve(value);
    });
  });
}
