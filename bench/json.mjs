// Results as JSON that can be read and compared line by line.

/** Whatever has no list of objects in it is on one line, and so is each result. */
export function jsonLines(value, indent = "\n") {
  const line = JSON.stringify(value) ?? "null";
  if (typeof value !== "object" || !line.includes("[{")) return line;
  const isList = Array.isArray(value);
  const within = `${indent} `;
  const parts = Object.entries(value).map(([key, part]) => {
    const text = jsonLines(part, within);
    return isList ? text : `${JSON.stringify(key)}: ${text}`;
  });
  const [open, close] = isList ? "[]" : "{}";
  return `${open}${within}${parts.join(`,${within}`)}${indent}${close}`;
}
