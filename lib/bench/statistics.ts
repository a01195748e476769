/** Figures of figures. */

export interface Summary {
  median: number;
  min: number;
  max: number;
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2;
}

export function summaryOf(numbers: readonly number[]): Summary {
  return { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) };
}

/** The exponent e for which y = c·x^e fits best: least squares of the logarithms. */
export function fittedExponent(points: readonly { x: number; y: number }[]): number {
  const logs = points.map(({ x, y }) => ({ x: Math.log(x), y: Math.log(y) }));
  const mean = (of: "x" | "y") => logs.reduce((sum, point) => sum + point[of], 0) / logs.length;
  const [x, y] = [mean("x"), mean("y")];
  const product = logs.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0);
  return product / logs.reduce((sum, point) => sum + (point.x - x) ** 2, 0);
}
