/** Where programs keep what they can make again. */

import os from "node:os";
import path from "node:path";

/** The XDG rules: a relative path is to be ignored. */
export function userCacheFolder(name: string, env: Record<string, string | undefined>): string {
  const base = env.XDG_CACHE_HOME ?? "";
  return path.join(path.isAbsolute(base) ? base : path.join(homeFolder(), ".cache"), name);
}

function homeFolder(): string {
  try {
    return os.homedir() || os.userInfo().homedir; // HOME may be empty
  } catch {
    return "/"; // as in a container whose user has no home
  }
}
