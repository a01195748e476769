/** How a file store lies on disk: an entry with the key ab12… is the file ab/12…. */

import path from "node:path";
import { native } from "../native";

/** The names of all folders. */
export const folderNames = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

export interface StoredFile {
  path: string;
  /** Hex digits; empty for a temporary file. */
  key: string;
  /** What it takes on disk: most entries are smaller than a block. */
  bytes: number;
  /** Seconds since 1970; 0 for never. */
  used: number;
  written: number;
}

const blockSize = 4096;
export const bytesOnDisk = (size: number) => Math.ceil(size / blockSize) * blockSize;

/** The entries and the temporary files in some folders. Other files are not the store's. */
export async function listFiles(root: string, folders = folderNames): Promise<StoredFile[]> {
  const { names, numbers } = await native.listFolders(root, folders);
  const files = Buffer.from(names).toString().split("\0").slice(0, -1);
  return files.flatMap((name, i) => {
    const key = /^([0-9a-f]{2})\/([0-9a-f]{62})(\.[0-9a-f]{8}\.tmp)?$/.exec(name);
    if (!key) return [];
    return {
      path: path.join(root, name),
      key: key[3] ? "" : key[1]! + key[2]!,
      bytes: bytesOnDisk(numbers[3 * i]!),
      used: numbers[3 * i + 1]!,
      written: numbers[3 * i + 2]!,
    };
  });
}

export const isEntry = ({ key }: StoredFile) => key !== "";

export const bytesOf = (files: readonly StoredFile[]) =>
  files.reduce((sum, { bytes }) => sum + bytes, 0);

const hour = 60 * 60;

/** Left by a build that was killed: no build writes one entry for an hour, and none in the future. */
export function isStale({ key, written }: StoredFile, now: number): boolean {
  return key === "" && Math.abs(now - written) > hour;
}
