"""Write the YAML files of `ndx-muscle-activation`: ``python src/spec/create_extension_spec.py [FOLDER]``.

Whatever is added after version 0.1.0 must be optional: an installed namespace overrides the one cached in a file, so
a new required field would make every older file unreadable.
"""

import sys
from pathlib import Path

from pynwb.spec import (
    NWBAttributeSpec,
    NWBDatasetSpec,
    NWBGroupSpec,
    NWBNamespaceBuilder,
    export_spec,
)

NAME, VERSION = "ndx-muscle-activation", "0.1.1"


def column(name: str, doc: str, dtype: str, quantity: str = "?") -> NWBDatasetSpec:
    """Return the spec of one table column."""
    return NWBDatasetSpec(name=name, neurodata_type_inc="VectorData", dtype=dtype, doc=doc, quantity=quantity)


def text(name: str, doc: str, required: bool = False) -> NWBAttributeSpec:
    """Return the spec of a text attribute."""
    return NWBAttributeSpec(name=name, doc=doc, dtype="text", required=required)


muscles_table = NWBGroupSpec(
    neurodata_type_def="MusclesTable",
    neurodata_type_inc="DynamicTable",
    doc=(
        "The muscles that were recorded, one row each. Series with one column per muscle refer to the rows of this "
        "table, so that the name of each column is known. Figures of signal quality can be added as further columns."
    ),
    datasets=[
        column("muscle_name", "Short name of the muscle, as used in the laboratory, e.g. 'TA'.", "text", quantity=1),
        column("full_name", "Anatomical name of the muscle, e.g. 'tibialis anterior'.", "text"),
        column("side", "Side of the body: 'left', 'right', or '' where it is not known.", "text"),
        column("source_channel", "Name of the channel of the recording in which the muscle was found.", "text"),
        NWBDatasetSpec(
            name="electrodes",
            neurodata_type_inc="DynamicTableRegion",
            doc="The electrode over or in the muscle: a row of the table of electrodes.",
            quantity="?",
        ),
        column("unit", "Unit of the recording, in which `scale` is given, e.g. 'volts'.", "text"),
        column(
            "scale",
            "The number by which the rectified EMG of the muscle was divided before activation was estimated. "
            "Activation multiplied by `scale` is in `unit`.",
            "float32",
        ),
        column(
            "usable",
            "False where the recording of the muscle failed quality control; its activation is then NaN.",
            "bool",
        ),
    ],
)

muscle_activation_series = NWBGroupSpec(
    neurodata_type_def="MuscleActivationSeries",
    neurodata_type_inc="TimeSeries",
    doc=(
        "Activation of several muscles over time, estimated from their electromyogram (EMG): the smooth, non-negative "
        "intensity with which each muscle is driven, which the rectified EMG follows with much noise."
    ),
    datasets=[
        NWBDatasetSpec(
            name="data",
            doc=(
                "One row per time, one column per muscle. Values are relative to the `scale` of each muscle; NaN where "
                "nothing was estimated."
            ),
            dtype="float32",
            dims=["time", "muscle"],
            shape=[None, None],
            attributes=[
                NWBAttributeSpec(
                    name="unit",
                    doc="Unit of the values; 'a.u.' for activation relative to the `scale` of each muscle.",
                    dtype="text",
                )
            ],
        ),
        NWBDatasetSpec(
            name="muscles",
            neurodata_type_inc="DynamicTableRegion",
            doc="Rows of a MusclesTable: element i is the muscle of column i of `data`.",
        ),
    ],
    attributes=[
        text(
            "statistic",
            "What the values are of the distribution that was estimated at each time: 'mean' (also taken where this is "
            "absent), 'standard deviation', 'gamma concentration' or 'gamma rate'.",
        )
    ],
)

latent_factor_series = NWBGroupSpec(
    neurodata_type_def="LatentFactorSeries",
    neurodata_type_inc="TimeSeries",
    doc=(
        "The few signals over time from which a model composes the activation of all muscles. Their order and sign "
        "carry no meaning, and they differ from one trained model to the next."
    ),
    datasets=[
        NWBDatasetSpec(
            name="data",
            doc="One row per time, one column per factor.",
            dtype="float32",
            dims=["time", "factor"],
            shape=[None, None],
            attributes=[NWBAttributeSpec(name="unit", doc="Unit of the values; 'a.u.'.", dtype="text")],
        )
    ],
)

inferred_input_series = NWBGroupSpec(
    neurodata_type_def="InferredInputSeries",
    neurodata_type_inc="TimeSeries",
    doc=(
        "Input over time that a dynamical model needed, beyond its own dynamics, to explain the recording, e.g. at a "
        "perturbation. Values near zero mean that the dynamics alone were enough."
    ),
    datasets=[
        NWBDatasetSpec(
            name="data",
            doc="One row per time, one column per input.",
            dtype="float32",
            dims=["time", "input"],
            shape=[None, None],
            attributes=[NWBAttributeSpec(name="unit", doc="Unit of the values; 'a.u.'.", dtype="text")],
        )
    ],
    attributes=[
        text("statistic", "What the values are: 'mean' (also taken where this is absent) or 'standard deviation'.")
    ],
)

initial_conditions_table = NWBGroupSpec(
    neurodata_type_def="InitialConditionsTable",
    neurodata_type_inc="DynamicTable",
    doc=(
        "A dynamical model describes a recording in windows, one row each: the state from which the model starts in "
        "the window."
    ),
    datasets=[
        column("window_start", "Start of the window, in seconds, on the clock of the session.", "float64", quantity=1),
        NWBDatasetSpec(
            name="initial_condition",
            neurodata_type_inc="VectorData",
            doc="The state at the start of the window, one number per dimension.",
            dtype="float32",
            dims=["window", "dimension"],
            shape=[None, None],
        ),
    ],
)


def series(name: str, neurodata_type: str, doc: str, quantity: str = "?") -> NWBGroupSpec:
    """Return the spec of a series in the container."""
    return NWBGroupSpec(name=name, neurodata_type_inc=neurodata_type, doc=doc, quantity=quantity)


activation_estimate = NWBGroupSpec(
    neurodata_type_def="ActivationEstimate",
    neurodata_type_inc="NWBDataInterface",
    doc=(
        "Muscle activation as one estimator gave it for one recording of EMG, with all that is needed to know how it "
        "was made. All series in it have the same times."
    ),
    attributes=[
        text("estimator", "Name of the method, e.g. 'AutoLFADS', 'LowPass', 'BayesianFilter'.", required=True),
        text("description", "What the estimate is, in words."),
        text("software", "Name of the program that made the estimate."),
        text("software_version", "Version of that program."),
        text("configuration", "All settings of the estimator and what was fitted to the recording, as a JSON object."),
        text("options", "What was asked of the program that made the estimate, as it was given, as a JSON object."),
        text("preprocessing", "All steps from the recording to rectified, scaled EMG, in order, as a JSON array."),
        NWBAttributeSpec(name="seed", doc="Seed of the random numbers that were used.", dtype="int", required=False),
        NWBAttributeSpec(
            name="sampling_rate",
            doc="Values per second (Hz) within every stretch of the recording that has no gap.",
            dtype="float64",
            required=False,
        ),
        text("source_file", "Name of the file that held the recording."),
        text("source_identifier", "Identifier of that file: the `identifier` of an NWB file."),
        text("source_object_path", "Path of the recording in that file, e.g. 'acquisition/EMG'."),
        text("source_object_id", "The `object_id` of the recording, which stays the same in copies of the file."),
    ],
    datasets=[
        NWBDatasetSpec(
            name="segment",
            doc=(
                "For each time, the number of the stretch without gaps that it belongs to, counted from 0. Absent "
                "where the recording has no gap. Nothing is estimated across a gap."
            ),
            dtype="int32",
            dims=["time"],
            shape=[None],
            quantity="?",
        ),
        NWBDatasetSpec(
            name="weights",
            doc="The trained model, as the bytes of a safetensors file.",
            dtype="uint8",
            dims=["byte"],
            shape=[None],
            quantity="?",
        ),
    ],
    groups=[
        series("activation", "MuscleActivationSeries", "The estimate itself.", quantity=1),
        series("activation_std", "MuscleActivationSeries", "Standard deviation of the estimate."),
        series(
            "concentration",
            "MuscleActivationSeries",
            "Concentration (shape) of the gamma distribution of the rectified EMG; its mean is concentration / rate.",
        ),
        series("rate_parameter", "MuscleActivationSeries", "Rate (inverse scale) of the same gamma distribution."),
        series("factors", "LatentFactorSeries", "Signals from which the activation of all muscles is composed."),
        series("inputs", "InferredInputSeries", "Inputs that the dynamics of the model needed."),
        series("inputs_std", "InferredInputSeries", "Standard deviation of the inputs."),
        NWBGroupSpec(
            name="initial_conditions",
            neurodata_type_inc="InitialConditionsTable",
            doc="States from which the model starts in each window.",
            quantity="?",
        ),
        NWBGroupSpec(
            name="search_history",
            neurodata_type_inc="DynamicTable",
            doc="How training and the search for settings went: one row per candidate model and time of evaluation.",
            quantity="?",
        ),
    ],
)

activation_comparison_table = NWBGroupSpec(
    neurodata_type_def="ActivationComparisonTable",
    neurodata_type_inc="DynamicTable",
    doc=(
        "How well estimates of muscle activation agree with something else that was recorded or is known, e.g. with "
        "the activity of cortex, with movement, or with true activation. One row per score; what a score does not "
        "depend on is left open in its row. Anything else that is known of a score can be added as further columns."
    ),
    attributes=[
        text("software", "Name of the program that made the comparison."),
        text("software_version", "Version of that program."),
        text("configuration", "All settings of the comparison, as a JSON object."),
    ],
    datasets=[
        column("estimator", "Name of the estimate that was scored, e.g. 'AutoLFADS'.", "text", quantity=1),
        column("score_name", "What was computed, e.g. 'r2' for the coefficient of determination.", "text", quantity=1),
        column("score", "The value; NaN where it could not be computed.", "float64", quantity=1),
        column("unit", "Unit of the value; '' where it has none.", "text"),
        column("n", "Number of samples from which the score was computed; -1 where it is not known.", "int64"),
        column("muscle", "The muscle that was scored; '' where the score is of all muscles together.", "text"),
        column(
            "target",
            "What the muscle was compared with, e.g. the name of a joint angle; '' where there is only one.",
            "text",
        ),
        column(
            "fold",
            "Number of the part of the recording that was held out, from 0; -1 where the score is of all parts.",
            "int64",
        ),
        column(
            "lag",
            "Delay, in seconds, by which the estimate was moved against the target, positive where the estimate comes "
            "later; NaN where it was not moved.",
            "float64",
        ),
    ],
)

TYPES = [
    muscles_table,
    muscle_activation_series,
    latent_factor_series,
    inferred_input_series,
    initial_conditions_table,
    activation_estimate,
    activation_comparison_table,
]


def main(folder: Path) -> None:
    """Write the namespace and its types into ``folder``."""
    builder = NWBNamespaceBuilder(
        name=NAME,
        version=VERSION,
        doc="Muscle activation estimated from electromyograms (EMG)",
        author=["The nwb-autolfads developers"],
    )
    builder.include_namespace("core")
    export_spec(builder, TYPES, str(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "spec")
