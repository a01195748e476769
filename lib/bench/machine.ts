/** Where the figures come from. */

import os from "node:os";
import { version } from "../../package.json";
import { native } from "../native";
import { toolVersions } from "./tools";

export interface Machine {
  cpu: string;
  cores: number;
  /** GB. */
  memory: number;
  system: string;
  /** Processes that wanted to run in the minute before. */
  load: number;
  versions: Record<string, string>;
}

export function machine(): Machine {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? os.arch(),
    cores: os.availableParallelism(),
    memory: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()}`,
    load: Math.round(os.loadavg()[0]! * 10) / 10,
    versions: {
      finegrain: version,
      "LLVM in finegrain": native.version().llvm,
      Node: process.versions.node,
      ...toolVersions(),
    },
  };
}
