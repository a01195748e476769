/** Servers for the tests, on free ports of the loopback interface, stopped after the tests of the file. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.unref();
      setTimeout(() => socket.destroy(), 1000).unref();
    });
    if (isOpen) return;
    await sleep(20);
  }
  throw new Error(`no server at port ${port}`);
}

export class Server {
  readonly child: ChildProcess;
  readonly port: number;

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.port = port;
  }

  static async start(program: string, args: string[], port: number): Promise<Server> {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
    const server = new Server(child, port);
    await untilListening(port, child);
    return server;
  }

  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill(signal);
    await ended;
  }
}

/** In memory only; `tls` is a folder for the certificate of its own that it then has. */
export async function startRedis(options: { password?: string; tls?: string } = {}) {
  const port = await freePort();
  const { password, tls } = options;
  const args = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--loglevel", "warning"];
  if (password) args.push("--requirepass", password);
  args.push("--port", String(tls ? 0 : port));
  if (tls) {
    const { certificate, key } = newCertificate(tls);
    args.push("--tls-port", String(port), "--tls-auth-clients", "no");
    args.push("--tls-cert-file", certificate, "--tls-key-file", key);
    args.push("--tls-ca-cert-file", certificate);
  }
  return Server.start("redis-server", args, port);
}

export function newCertificate(folder: string): { certificate: string; key: string } {
  mkdirSync(folder, { recursive: true });
  const certificate = path.join(folder, "certificate.pem");
  const key = path.join(folder, "key.pem");
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  execFileSync("openssl", [...args, "-keyout", key, "-out", certificate, ...subject], {
    stdio: "ignore",
  });
  return { certificate, key };
}

/** Keeps files below `folder`/data. With `password`, user "ci" needs it. */
export async function startNginx(folder: string, password?: string): Promise<Server> {
  const port = await freePort();
  mkdirSync(path.join(folder, "data"), { recursive: true });
  if (password) {
    const hash = execFileSync("openssl", ["passwd", "-apr1", password], { encoding: "utf8" });
    writeFileSync(path.join(folder, "users"), `ci:${hash}`);
  }
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/tmp-${name};`)
    .join("\n");
  const configuration = path.join(folder, "nginx.conf");
  writeFileSync(
    configuration,
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/errors;
     worker_rlimit_nofile 4096;
     events { worker_connections 1024; }
     http {
       access_log off; ${temporary}
       client_max_body_size 0;
       server {
         listen 127.0.0.1:${port};
         location / {
           root ${folder}/data;
           dav_methods PUT DELETE; create_full_put_path on;
           ${password ? `auth_basic "cache"; auth_basic_user_file ${folder}/users;` : ""}
         }
       }
     }`,
  );
  return Server.start("nginx", ["-c", configuration, "-p", folder], port);
}
