/** Whether a Docker engine (or what speaks its protocol) answers. */
export async function dockerAvailable(): Promise<boolean> {
  const { getContainerRuntimeClient } = await import('testcontainers')
  try {
    await (await getContainerRuntimeClient()).container.dockerode.ping()
    return true
  } catch {
    return false
  }
}
