/**
 * Finds the C runtime (start-up objects, libgcc, libc) where clang would: the
 * newest GCC installation for the target, and the system's library folders.
 */

import { existsSync, readdirSync } from "node:fs";
import path from "node:path";

interface Architecture {
  emulation: string;
  dynamicLinker: string;
}

const architectures: Record<string, Architecture> = {
  x86_64: { emulation: "elf_x86_64", dynamicLinker: "/lib64/ld-linux-x86-64.so.2" },
  aarch64: { emulation: "aarch64linux", dynamicLinker: "/lib/ld-linux-aarch64.so.1" },
  riscv64: { emulation: "elf64lriscv", dynamicLinker: "/lib/ld-linux-riscv64-lp64d.so.1" },
};

/** The vendors that distributions put into their names for a target. */
const vendors = ["", "pc-", "unknown-", "redhat-", "suse-", "alpine-"];

export interface CRuntime {
  /** Arguments for the target alone, such as `-m elf_x86_64`. */
  target: string[];
  dynamicLinker: string | undefined;
  searchPaths: string[];
  /** The full path of a start-up object, or undefined where there is none. */
  find(object: string): string | undefined;
}

export function findCRuntime(triple: string): CRuntime {
  const [arch = "", ...rest] = triple.split("-");
  const environment = rest.at(-1)?.startsWith("musl") ? "musl" : "gnu";
  const known = architectures[arch];
  const names = vendors.map((vendor) => `${arch}-${vendor}linux-${environment}`);
  const folders = [...gccFolders(names), ...libraryFolders(names)];
  return {
    target: known ? ["-m", known.emulation] : [],
    dynamicLinker: environment === "musl" ? `/lib/ld-musl-${arch}.so.1` : known?.dynamicLinker,
    searchPaths: folders,
    find: (object) => folders.map((folder) => path.join(folder, object)).find(existsSync),
  };
}

/** The folder of the newest GCC that has libgcc for the target, if any. */
function gccFolders(names: string[]): string[] {
  const found: { folder: string; version: number[] }[] = [];
  for (const root of ["/usr/lib/gcc", "/usr/lib64/gcc", "/usr/lib/gcc-cross"])
    for (const name of names)
      for (const version of subfolders(path.join(root, name))) {
        const folder = path.join(root, name, version);
        if (existsSync(path.join(folder, "libgcc.a")))
          found.push({ folder, version: version.split(".").map(Number) });
      }
  found.sort((a, b) => compareVersions(b.version, a.version));
  return found.slice(0, 1).map(({ folder }) => folder);
}

function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^\d+(\.\d+)*$/.test(name));
  } catch {
    return [];
  }
}

function compareVersions(a: number[], b: number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Folders named after the target first; plain ones hold this machine's own libraries. */
function libraryFolders(names: string[]): string[] {
  const named = names.flatMap((name) => [`/lib/${name}`, `/usr/lib/${name}`, `/usr/${name}/lib`]);
  const own = names.some((name) => name.startsWith(`${hostArch()}-`))
    ? ["/lib64", "/usr/lib64", "/lib", "/usr/lib"]
    : [];
  return [...named, ...own].filter(existsSync);
}

function hostArch(): string {
  return { x64: "x86_64", arm64: "aarch64" }[process.arch as string] ?? process.arch;
}
