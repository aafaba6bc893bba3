declare module "parse-prometheus-text-format" {
  interface Sample {
    readonly value?: string;
    readonly labels?: Readonly<Record<string, string>>;
  }

  interface MetricFamily {
    readonly name: string;
    readonly type: string;
    readonly metrics: readonly Sample[];
  }

  /** @throws Error at a line that it cannot read */
  function parsePrometheusTextFormat(text: string): readonly MetricFamily[];

  export = parsePrometheusTextFormat;
}
