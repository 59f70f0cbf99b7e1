"""How fast a folder of slices is opened: Glassbox and pydicom, one after the other in the same run.

    python opening.py --glassbox target/release/glassbox [--slices 500] [--runs 7] [--template FILE ...] [--json OUT]

Needs what requirements-opening.txt lists. Without a template the series is synthetic CT (512 x 512, 12 bits, noise as
of a scanner), uncompressed, RLE and JPEG 2000; each template is a DICOM file of one frame whose coded pixels stand in
every slice, so that codings without an encoder in Python are measured as well.

Both sides read each file and keep the pixels of every slice. pydicom's side is what one writes with it: a loop over
`dcmread(path).pixel_array`, in a fresh process, imports not counted. Glassbox's is `glassbox bench --open`: from asking
for the folder to the last decoded slice, finding, grouping and sorting included. The files are in the page cache.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless, generate_uid

PYDICOM_SIDE = """
import json, resource, sys, time
import numpy, pydicom
paths = sys.argv[1:]
# Imports that happen at the first decoding are not counted either.
pydicom.dcmread(paths[0]).pixel_array
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
kept = []
for path in paths:
    kept.append(pydicom.dcmread(path).pixel_array)
    if len(kept) == 1:
        first = time.perf_counter() - start
took = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"first_ms": first * 1e3, "all_ms": took * 1e3, "slices": len(kept),
                  "pixel_bytes": sum(array.nbytes for array in kept), "growth_bytes": (peak - before) * 1024}))
"""


def synthetic(slices):
    """A CT slice that is noise around an ellipse with two holes, one data set a slice."""
    random = np.random.default_rng(1)
    rows, columns = np.mgrid[-1:1:512j, -1:1:512j]
    for number in range(slices):
        size = 0.75 + 0.1 * np.sin(number / slices * np.pi)
        values = np.where((rows / size) ** 2 + (columns / 0.9) ** 2 < 1, 1064, 24)
        for centre in (-0.4, 0.4):
            values = np.where((rows / 0.4) ** 2 + ((columns - centre) / 0.25) ** 2 < 1, 200, values)
        values = np.clip(values + random.normal(0, 12, values.shape), 0, 4095).astype(np.uint16)
        data = Dataset()
        data.SOPClassUID = CTImageStorage
        data.Modality = "CT"
        data.PatientName = "SYNTHETIC"
        data.PatientID = "synthetic"
        data.Rows, data.Columns = values.shape
        data.SamplesPerPixel = 1
        data.PhotometricInterpretation = "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
        data.RescaleSlope, data.RescaleIntercept = 1, -1024
        data.WindowCenter, data.WindowWidth = 40, 400
        data.PixelSpacing, data.SliceThickness = [0.7, 0.7], 1
        data.PixelData = values.tobytes()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = CTImageStorage
        yield data


def write_series(folder, data_sets):
    """Writes data sets as one series of slices above each other; their pixels stay as they are coded."""
    folder.mkdir(parents=True)
    study, series = generate_uid(), generate_uid()
    for number, data in enumerate(data_sets):
        data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID = study, series, generate_uid()
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.SeriesNumber, data.InstanceNumber = 1, number + 1
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.ImagePositionPatient = [0, 0, float(number)]
        data.save_as(folder / f"{number + 1:04}.dcm", enforce_file_format=True)


def series(folder, slices, templates):
    """Makes the folders that are not there yet; gives their names and places."""
    found = []
    if not templates:
        codings = {"uncompressed": None, "RLE": RLELossless, "JPEG 2000": JPEG2000Lossless}
        for name, coding in codings.items():
            place = folder / f"synthetic-{name.replace(' ', '-')}-{slices}"
            if not place.exists():
                sets = synthetic(slices)
                write_series(place, sets if coding is None else (compressed(data, coding) for data in sets))
            found.append((name, place))
    for template in templates:
        data = pydicom.dcmread(template)
        name = data.file_meta.TransferSyntaxUID.name
        place = folder / f"{Path(template).stem}-{data.file_meta.TransferSyntaxUID}-{slices}"
        if not place.exists():
            write_series(place, (pydicom.dcmread(template) for _ in range(slices)))
        found.append((name, place))
    return found


def compressed(data, coding):
    data.compress(coding)
    return data


def run_json(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(glassbox, place, runs):
    """Both sides in turn; medians of what each says."""
    paths = sorted(str(path) for path in place.iterdir())
    peers, own = [], []
    for _ in range(runs):
        peers.append(run_json([sys.executable, "-c", PYDICOM_SIDE, *paths]))
        own.append(run_json([glassbox, "bench", "--open", str(place), "--json"]))
    middle = lambda rows: {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    return middle(peers), middle(own)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--glassbox", default="target/release/glassbox")
    parser.add_argument("--slices", type=int, default=500)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--template", nargs="*", default=[], help="DICOM files of one frame, each made a series of")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "glassbox-opening")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for name, place in series(options.folder, options.slices, options.template):
        peer, own = measure(options.glassbox, place, options.runs)
        if (peer["slices"], peer["pixel_bytes"]) != (own["slices"], own["pixel_bytes"]):
            sys.exit(f"{name}: the two have not decoded the same: {peer} {own}")
        load = os.getloadavg()[0]
        rows.append({"coding": name, "pydicom": peer, "glassbox": own, "ratio": peer["all_ms"] / own["all_ms"],
                     "memory_ratio": own["growth_bytes"] / own["pixel_bytes"], "load": load})
        print(f"{name}: pydicom {peer['all_ms']:.0f} ms, Glassbox {own['all_ms']:.0f} ms "
              f"({rows[-1]['ratio']:.1f} x), first slice {own['first_ms']:.0f} ms, "
              f"memory {rows[-1]['memory_ratio']:.2f} x the pixels (pydicom "
              f"{peer['growth_bytes'] / peer['pixel_bytes']:.2f} x); load {load:.1f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"slices": options.slices, "runs": options.runs, "cpus": os.cpu_count(),
                                            "when": time.strftime("%Y-%m-%d"), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
