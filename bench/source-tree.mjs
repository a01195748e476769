// A workload's sources, in states: as they are, and after each edit. A state is
// brought about in place, since names of files are in what compilers and their
// caches see. Each state has bitcode of its own, made beforehand.

import { cpSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";

export class SourceTree {
  #workload;
  #work;
  root;
  sources;

  constructor(workload, work) {
    this.#workload = workload;
    this.#work = work;
    this.root = path.join(work, "source");
    cpSync(workload.root, this.root, { recursive: true });
    this.sources = workload.sources().map((file) => path.resolve(this.root, file));
  }

  /**
   * The state as it is, then one for each edit. `toBitcode(folder, edited)` compiles
   * the sources; it resolves to the files, and which of them depend on edited ones.
   */
  async states(toBitcode) {
    const states = [await this.#state("as it is", [], toBitcode)];
    for (const [name, edit] of Object.entries(this.#workload.edits))
      states.push(await this.#state(name, [edit], toBitcode));
    this.#activate([]);
    return states;
  }

  async #state(name, edits, toBitcode) {
    const activate = () => this.#activate(edits);
    activate();
    const folder = path.join(this.#work, `bitcode ${name}`.replaceAll(" ", "-"));
    mkdirSync(folder, { recursive: true });
    const edited = edits.map(({ file }) => path.join(this.root, file));
    const { bitcode, changed } = await toBitcode(folder, edited);
    return { name, bitcode, sources: this.sources, changed, activate };
  }

  #activate(edits) {
    for (const { file } of Object.values(this.#workload.edits))
      this.#write(file, this.#original(file));
    for (const edit of edits) this.#apply(edit);
  }

  #apply({ file, behind = "", before, after }) {
    const text = this.#original(file);
    const at = text.indexOf(before, text.indexOf(behind));
    if (at < 0 || !text.includes(behind)) throw new Error(`${file}: nothing to edit: ${before}`);
    this.#write(file, text.slice(0, at) + after + text.slice(at + before.length));
  }

  #original(file) {
    return readFileSync(path.join(this.#workload.root, file), "utf8");
  }

  /** As if written a while ago: compiler caches do not trust what is new. */
  #write(file, text) {
    const place = path.join(this.root, file);
    writeFileSync(place, text);
    const then = Date.now() / 1000 - 60;
    utimesSync(place, then, then);
  }
}
