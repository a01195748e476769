/** Named steps with their times: one sees what the time of a large store goes into. */
export class Steps {
  readonly times: { name: string; ms: number }[] = [];

  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.times.push({ name, ms: Math.round((performance.now() - start) * 100) / 100 });
    return result;
  }
}
