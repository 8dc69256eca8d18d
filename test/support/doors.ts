import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import net from 'node:net';

const STARTS = ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork'] as const;

/** Every way out of this process while `work` runs: where it led. What is not to `allowedPort` is refused as well as noted. */
export async function doorsOpenedBy(work: () => Promise<unknown>, allowedPort?: number): Promise<string[]> {
  const opened: string[] = [];
  const connect = net.Socket.prototype.connect;
  const send = dgram.Socket.prototype.send;
  const starts = STARTS.map((name) => [name, childProcess[name]] as const);
  const refuse = (what: string): never => {
    opened.push(what);
    throw new Error(`refused by the test: ${what}`);
  };
  net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]) {
    const [options] = (Array.isArray(args[0]) ? args[0] : args) as [{ port?: number }];
    // A Temporal client that an earlier file of this process left behind, connecting again; plans may not import one.
    const isOthers = (new Error().stack ?? '').includes('@grpc/grpc-js');
    if (isOthers) return Reflect.apply(connect, this, args) as net.Socket;
    if (allowedPort === undefined || Number(options.port) !== allowedPort)
      refuse(`connect ${JSON.stringify(options)}`);
    return Reflect.apply(connect, this, args) as net.Socket;
  };
  dgram.Socket.prototype.send = () => refuse('datagram');
  for (const name of STARTS) Object.assign(childProcess, { [name]: () => refuse(name) });
  try {
    await work();
  } finally {
    net.Socket.prototype.connect = connect;
    dgram.Socket.prototype.send = send;
    for (const [name, start] of starts) Object.assign(childProcess, { [name]: start });
  }
  return opened;
}
