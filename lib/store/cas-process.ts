/** The door to the process that has a `cas:` store's files open: see cas-child.ts. */

import { type ChildProcess, fork } from "node:child_process";
import { programPath } from "../package";
import type { Generations } from "./cas-generations";

type Methods = Pick<Generations, "get" | "put" | "remove" | "keys" | "stats" | "prune" | "clear">;

export interface CasRequest {
  method: keyof Methods;
  args: unknown[];
}

export type CasReply = { result: unknown } | CasFault;

export interface CasFault {
  error: string;
  /** The files are at fault. */
  isDamage: boolean;
}

/** What a process ends with that has met damage. */
const crashes: readonly unknown[] = ["SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE", "SIGTRAP"];

interface Waiting {
  resolve(result: unknown): void;
  reject(fault: CasFault): void;
}

export class CasProcess {
  readonly #child: ChildProcess;
  /** The answers come in the order of the questions. */
  #waiting: Waiting[] = [];
  #end: CasFault | undefined;

  constructor(root: string, limit: number) {
    this.#child = fork(programPath("cas-child"), [root, String(limit)], {
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    this.#holdUp(false);
    this.#child.on("message", (reply: CasReply) => this.#settle(this.#waiting.shift(), reply));
    this.#child.on("error", ({ message }) => {
      // What it ends with tells more than that a message did not reach it.
      if (this.#child.pid === undefined) this.#stop({ error: message, isDamage: false });
    });
    this.#child.on("exit", (status, signal) =>
      this.#stop({
        error: `its process ended with ${signal ?? status}`,
        isDamage: crashes.includes(signal),
      }),
    );
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Rejects with a CasFault. */
  ask<M extends keyof Methods>(
    method: M,
    ...args: Parameters<Methods[M]>
  ): Promise<Awaited<ReturnType<Methods[M]>>> {
    return new Promise((resolve, reject) => {
      const waiting = { resolve, reject } as Waiting;
      if (this.#end) return waiting.reject(this.#end);
      this.#waiting.push(waiting);
      this.#holdUp(true);
      this.#child.send({ method, args } satisfies CasRequest);
    });
  }

  /** Killing it leaves the files sound; one that answers may close them first. */
  close(): void {
    if (this.#waiting.length > 0) this.#child.kill("SIGKILL");
    else if (this.#child.connected) this.#child.disconnect();
  }

  #settle(waiting: Waiting | undefined, reply: CasReply): void {
    if (this.#waiting.length === 0) this.#holdUp(false);
    if ("error" in reply) waiting?.reject(reply);
    else waiting?.resolve(reply.result);
  }

  #stop(fault: CasFault): void {
    this.#end ??= fault;
    for (const waiting of this.#waiting.splice(0)) this.#settle(waiting, fault);
  }

  /** Whether this process stays for the other: only while it waits for an answer. */
  #holdUp(isHeld: boolean): void {
    const { channel } = this.#child;
    if (isHeld) {
      this.#child.ref();
      channel?.ref();
    } else {
      this.#child.unref();
      channel?.unref();
    }
  }
}
