import { hostname } from 'node:os'
import { getContainerRuntimeClient, ImageName } from 'testcontainers'
import { isAlive } from './is-alive.ts'

type Docker = Awaited<ReturnType<typeof getContainerRuntimeClient>>['container']['dockerode']

const OWNER_LABEL = 'ops.testbed.owner'
const RYUK_IMAGE = 'testcontainers/ryuk:0.14.0'
const PULL_WITHIN_MS = 20_000

/** The labels of everything that the testbed makes in Docker: they say who removes it. */
export function ownerLabels(): Record<string, string> {
  return { [OWNER_LABEL]: `${hostname()}:${process.pid}` }
}

/** The Docker engine, ready for use: leftovers of dead runs are gone, and Ryuk is there or switched off. */
export async function prepareDocker(): Promise<Docker> {
  const { container, image } = await getContainerRuntimeClient()
  const docker = container.dockerode
  if (process.env['TESTCONTAINERS_RYUK_DISABLED'] === undefined) {
    const ryuk = ImageName.fromString(process.env['RYUK_CONTAINER_IMAGE'] ?? RYUK_IMAGE)
    const hasRyuk = (await image.exists(ryuk)) || (await canPull(docker, ryuk.string))
    process.env['TESTCONTAINERS_RYUK_DISABLED'] = String(!hasRyuk)
  }
  await sweepDocker(docker)
  return docker
}

async function canPull(docker: Docker, image: string): Promise<boolean> {
  const pull = async (): Promise<boolean> => {
    const stream = await docker.pull(image)
    return await new Promise((resolve) =>
      docker.modem.followProgress(stream, (error) => resolve(error === null)),
    )
  }
  const timeout = new Promise<boolean>((resolve) => setTimeout(resolve, PULL_WITHIN_MS, false).unref())
  return await Promise.race([pull().catch(() => false), timeout])
}

/** Removes containers and networks whose owner on this machine is dead. */
async function sweepDocker(docker: Docker): Promise<void> {
  const filters = { label: [OWNER_LABEL] }
  for (const { Id, Labels } of await docker.listContainers({ all: true, filters })) {
    if (isOrphan(Labels)) await ignoringErrors(docker.getContainer(Id).remove({ force: true, v: true }))
  }
  for (const { Id, Labels } of await docker.listNetworks({ filters })) {
    if (isOrphan(Labels)) await ignoringErrors(docker.getNetwork(Id).remove())
  }
}

function isOrphan(labels: Record<string, string> | undefined): boolean {
  const [host, pid] = labels?.[OWNER_LABEL]?.split(':') ?? []
  return host === hostname() && pid !== undefined && !isAlive(Number(pid))
}

/** Another run may sweep at the same time: what is gone already is no error. */
async function ignoringErrors(work: Promise<unknown>): Promise<void> {
  await work.catch(() => undefined)
}
