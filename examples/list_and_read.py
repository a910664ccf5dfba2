"""List the sessions of a project and read every bundle of each.

Which cloud, and the token for it, are in the environment; without a cloud
``moonsense demo --keep`` starts one and prints what to export.
"""

from moonsense.client import Client

client = Client()
for session in client.list_sessions():
    bundles = 0
    samples = 0
    for bundle in client.read_session(session.session_id):  # SealedBundle messages
        bundles += 1
        samples += len(bundle.bundle.accelerometer_data) + len(bundle.bundle.pointer_data)
    labels = ", ".join(label.name for label in session.labels)
    print(f"{session.session_id}  {bundles:4} bundles  {samples:6} samples of motion  {labels}")
