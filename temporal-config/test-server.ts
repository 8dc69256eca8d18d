import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { run, type Progress } from './find-temporal';
import { userCacheDir } from './user-cache';

/** Verified with SDK 1.24. */
const TEST_SERVER_VERSION = '1.31.0';

function pom(): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>cordon</groupId><artifactId>test-server</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency><groupId>io.temporal</groupId><artifactId>temporal-test-server</artifactId>
<version>${TEST_SERVER_VERSION}</version></dependency></dependencies></project>`;
}

const javaLauncher = (): string => join(userCacheDir(), `temporal-test-server-${TEST_SERVER_VERSION}`, 'run');

/** Builds a launcher for the Java test server from Maven Central, once per machine. Returns its path. */
async function javaTestServer(progress: Progress): Promise<string> {
  const launcher = javaLauncher();
  const folder = dirname(launcher);
  try {
    accessSync(launcher, constants.X_OK);
    return launcher;
  } catch {
    progress(`Fetching the time-skipping test server ${TEST_SERVER_VERSION} from Maven Central (once)…`);
  }
  mkdirSync(userCacheDir(), { recursive: true });
  const temporary = mkdtempSync(join(userCacheDir(), 'test-server-'));
  try {
    writeFileSync(join(temporary, 'pom.xml'), pom());
    const problem = await run(
      'mvn',
      [
        '-q',
        '-B',
        '-f',
        join(temporary, 'pom.xml'),
        'dependency:copy-dependencies',
        `-DoutputDirectory=${join(temporary, 'jars')}`,
        '-DincludeScope=runtime',
      ],
      process.env,
    );
    if (problem !== undefined)
      throw new Error(
        `No time-skipping test server: the official download did not answer, and ${problem}. Install Java 11 or newer and Maven.`,
      );
    writeFileSync(
      join(temporary, 'run'),
      '#!/bin/sh\nexec java -cp "$(dirname "$0")/jars/*" io.temporal.testserver.TestServer "$@"\n',
    );
    chmodSync(join(temporary, 'run'), 0o755);
    if (existsSync(folder)) rmSync(folder, { recursive: true });
    renameSync(temporary, folder);
    return launcher;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** A time-skipping environment: the SDK's own download, else the Java server. */
export async function createTimeSkipping(
  progress: Progress = () => undefined,
): Promise<TestWorkflowEnvironment> {
  try {
    return await TestWorkflowEnvironment.createTimeSkipping();
  } catch {
    const path = await javaTestServer(progress);
    return TestWorkflowEnvironment.createTimeSkipping({
      server: { executable: { type: 'existing-path', path } },
    });
  }
}

/** Gets the time-skipping server onto this machine, if it is not here yet, so that no test has to wait for it. */
export async function obtainTestServer(progress: Progress): Promise<void> {
  if (existsSync(javaLauncher())) return;
  await (await createTimeSkipping(progress)).teardown();
}
