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
    NWBLinkSpec,
    NWBNamespaceBuilder,
    NWBRefSpec,
    export_spec,
)

NAME, VERSION = "ndx-muscle-activation", "0.2.0"


def column(name: str, doc: str, dtype: str | NWBRefSpec, quantity: int | str = "?") -> NWBDatasetSpec:
    """Return the spec of one table column."""
    return NWBDatasetSpec(name=name, neurodata_type_inc="VectorData", dtype=dtype, doc=doc, quantity=quantity)


def text(name: str, doc: str, required: bool = False) -> NWBAttributeSpec:
    """Return the spec of a text attribute."""
    return NWBAttributeSpec(name=name, doc=doc, dtype="text", required=required)


def index(column_name: str) -> NWBDatasetSpec:
    """Return the spec of the index of a column that holds several values per row; files of 0.1 may lack it."""
    return NWBDatasetSpec(
        name=f"{column_name}_index",
        neurodata_type_inc="VectorIndex",
        doc=f"Where the values of each row end in `{column_name}`.",
        quantity="?",
    )


def values(doc: str, columns: str, unit: str) -> NWBDatasetSpec:
    """Return the spec of the data of a series with one column per muscle, factor or input."""
    return NWBDatasetSpec(
        name="data",
        doc=doc,
        dtype="float32",
        dims=["time", columns],
        shape=[None, None],
        attributes=[NWBAttributeSpec(name="unit", doc=unit, dtype="text")],
    )


muscles_table = NWBGroupSpec(
    neurodata_type_def="MusclesTable",
    neurodata_type_inc="DynamicTable",
    doc=(
        "The muscles that were recorded, one row each. Series with one column per muscle refer to the rows of this "
        "table, so that the name of each column is known. Figures of signal quality can be added as further columns."
    ),
    datasets=[
        column("muscle_name", "Short name of the muscle, as used in the laboratory, e.g. 'TA'.", "text", quantity=1),
        column("full_name", "Anatomical name of the muscle, e.g. 'tibialis anterior'; '' where not known.", "text"),
        column("side", "Side of the body: 'left', 'right', or '' where it is not known.", "text"),
        column(
            "placement",
            "Where on or in the muscle the electrodes are, in words, e.g. 'belly, along the fibres'; '' where it is "
            "not known.",
            "text",
        ),
        column("source_channel", "Name of the channel of the recording in which the muscle was found.", "text"),
        NWBDatasetSpec(
            name="electrodes",
            neurodata_type_inc="DynamicTableRegion",
            doc="The electrodes over or in the muscle: rows of the table of electrodes, one or more per muscle.",
            quantity="?",
        ),
        index("electrodes"),
        column(
            "source_series",
            "The series that holds the recording of the muscle, where it is in this file and each muscle has its own.",
            NWBRefSpec(target_type="TimeSeries", reftype="object"),
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

muscle_series = NWBGroupSpec(
    neurodata_type_def="MuscleSeries",
    neurodata_type_inc="TimeSeries",
    doc=(
        "Values of several muscles over time, one column each. What the values are, the types that extend this one "
        "say: activation, its spread, or a parameter of a distribution."
    ),
    datasets=[
        values(
            "One row per time, one column per muscle; NaN where nothing was estimated.",
            "muscle",
            "Unit of the values after `conversion` and `offset`; 'a.u.' where they are relative to the `scale` of each "
            "muscle.",
        ),
        NWBDatasetSpec(
            name="channel_conversion",
            doc=(
                "One factor per column. The values, after `conversion` and `offset`, multiplied by these factors are "
                "in the `unit` that stands here, which is that of the recording. Absent where the values cannot be "
                "given in such a unit."
            ),
            dtype="float32",
            dims=["muscle"],
            shape=[None],
            quantity="?",
            attributes=[
                NWBAttributeSpec(
                    name="axis", doc="The axis of `data` that the factors lie along.", dtype="int32", value=1
                ),
                NWBAttributeSpec(name="unit", doc="Unit of the values multiplied by these factors.", dtype="text"),
            ],
        ),
        NWBDatasetSpec(
            name="muscles",
            neurodata_type_inc="DynamicTableRegion",
            doc="Rows of a MusclesTable: element i is the muscle of column i of `data`.",
        ),
    ],
)

muscle_activation_series = NWBGroupSpec(
    neurodata_type_def="MuscleActivationSeries",
    neurodata_type_inc="MuscleSeries",
    doc=(
        "Activation of several muscles over time, estimated from their electromyogram (EMG): the smooth, non-negative "
        "intensity with which each muscle is driven, which the rectified EMG follows with much noise."
    ),
    attributes=[
        text(
            "statistic",
            "Of files of version 0.1, which had this type for spread and parameters, too: 'mean' (also taken where "
            "this is absent), 'standard deviation', 'gamma concentration' or 'gamma rate'. Later versions do without.",
        )
    ],
)

activation_spread_series = NWBGroupSpec(
    neurodata_type_def="ActivationSpreadSeries",
    neurodata_type_inc="MuscleSeries",
    doc="How uncertain the activation of several muscles is, over time.",
    attributes=[text("measure", "Which measure of spread the values are, e.g. 'standard deviation'.", required=True)],
)

distribution_parameter_series = NWBGroupSpec(
    neurodata_type_def="DistributionParameterSeries",
    neurodata_type_inc="MuscleSeries",
    doc="One parameter, over time, of the distribution that was estimated of the rectified EMG of several muscles.",
    attributes=[
        text("distribution", "Name of the distribution, e.g. 'gamma'.", required=True),
        text("parameter", "Name of the parameter, e.g. 'concentration' or 'rate' (inverse scale).", required=True),
    ],
)

latent_factor_series = NWBGroupSpec(
    neurodata_type_def="LatentFactorSeries",
    neurodata_type_inc="TimeSeries",
    doc=(
        "The few signals over time from which a model composes the activation of all muscles. Their order and sign "
        "carry no meaning, and they differ from one trained model to the next."
    ),
    datasets=[values("One row per time, one column per factor.", "factor", "Unit of the values; 'a.u.'.")],
)

inferred_input_series = NWBGroupSpec(
    neurodata_type_def="InferredInputSeries",
    neurodata_type_inc="TimeSeries",
    doc=(
        "Input over time that a dynamical model needed, beyond its own dynamics, to explain the recording, e.g. at a "
        "perturbation. Values near zero mean that the dynamics alone were enough."
    ),
    datasets=[values("One row per time, one column per input.", "input", "Unit of the values; 'a.u.'.")],
    attributes=[
        text(
            "statistic",
            "Of files of version 0.1, which had this type for spread, too: 'mean' (also taken where this is absent) or "
            "'standard deviation'. Later versions leave it out.",
        )
    ],
)

inferred_input_spread_series = NWBGroupSpec(
    neurodata_type_def="InferredInputSpreadSeries",
    neurodata_type_inc="TimeSeries",
    doc="How uncertain the inferred inputs of a dynamical model are, over time.",
    datasets=[values("One row per time, one column per input.", "input", "Unit of the values; 'a.u.'.")],
    attributes=[text("measure", "Which measure of spread the values are, e.g. 'standard deviation'.", required=True)],
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


model_sessions_table = NWBGroupSpec(
    neurodata_type_def="ModelSessionsTable",
    neurodata_type_inc="DynamicTable",
    doc=(
        "The recordings that a model was trained on, one row each. What else is known of a session can be added as "
        "further columns."
    ),
    datasets=[
        column("session", "Name of the session, as the model knows it.", "text", quantity=1),
        column("muscles", "Names of its muscles, in the order in which the model takes them.", "text"),
        index("muscles"),
        column("sampling_rate", "Values per second (Hz) of the rectified EMG that the model takes.", "float64"),
        column(
            "preprocessing", "All steps from the recording to rectified, scaled EMG, in order, as a JSON array.", "text"
        ),
        column("source_file", "Name of the file that held the recording.", "text"),
        column("source_identifier", "Identifier of that file: the `identifier` of an NWB file.", "text"),
        column("source_object_path", "Path of the recording in that file, e.g. 'acquisition/EMG'.", "text"),
        column("source_object_id", "The `object_id` of the recording.", "text"),
    ],
)

activation_model = NWBGroupSpec(
    neurodata_type_def="ActivationModel",
    neurodata_type_inc="NWBContainer",
    doc=(
        "A trained model from which muscle activation is estimated: which one it is, what it was trained on, and its "
        "weights, where they are kept in this file."
    ),
    attributes=[
        text("description", "What the model is, in words."),
        text("model_id", "Identifier of the model, the same in all files that hold it or were estimated with it."),
        text("format", "Format of the weights, e.g. 'safetensors'."),
        text("sha256", "SHA-256 of the weights, as they are kept here or in a file of their own (hexadecimal)."),
        text("software", "Name of the program that trained the model."),
        text("software_version", "Version of that program."),
        text("configuration", "All settings that the model was trained with, as a JSON object."),
    ],
    datasets=[
        NWBDatasetSpec(
            name="weights",
            doc="The bytes of a file in `format`.",
            dtype="uint8",
            dims=["byte"],
            shape=[None],
            quantity="?",
        )
    ],
    groups=[
        NWBGroupSpec(
            name="sessions",
            neurodata_type_inc="ModelSessionsTable",
            doc="The recordings that the model was trained on.",
            quantity="?",
        )
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
            doc=(
                "Of files of version 0.1: the trained model, as the bytes of a safetensors file. Later versions keep "
                "it in `model`."
            ),
            dtype="uint8",
            dims=["byte"],
            shape=[None],
            quantity="?",
        ),
    ],
    groups=[
        series("activation", "MuscleActivationSeries", "The estimate itself.", quantity=1),
        series("activation_std", "MuscleSeries", "Standard deviation of the estimate: an ActivationSpreadSeries."),
        series(
            "concentration",
            "MuscleSeries",
            "Concentration (shape) of the gamma distribution of the rectified EMG, whose mean is concentration / rate: "
            "a DistributionParameterSeries.",
        ),
        series(
            "rate_parameter",
            "MuscleSeries",
            "Rate (inverse scale) of the same gamma distribution: a DistributionParameterSeries.",
        ),
        series("factors", "LatentFactorSeries", "Signals from which the activation of all muscles is composed."),
        series("inputs", "InferredInputSeries", "Inputs that the dynamics of the model needed."),
        series("inputs_std", "TimeSeries", "Standard deviation of the inputs: an InferredInputSpreadSeries."),
        NWBGroupSpec(
            neurodata_type_inc="TimeSeries",
            doc="Whatever else was estimated, under any name, e.g. muscle forces.",
            quantity="*",
        ),
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
        NWBGroupSpec(
            name="model",
            neurodata_type_inc="ActivationModel",
            doc="The trained model that the estimate was made with.",
            quantity="?",
        ),
    ],
    links=[
        NWBLinkSpec(
            name="source_object",
            target_type="NWBDataInterface",
            doc=(
                "The recording itself, where it is in this file: a series, or a container of series with one muscle "
                "each. Recordings of other files are named by the attributes that begin with `source_`."
            ),
            quantity="?",
        )
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
        column(
            "estimate",
            "The estimate that was scored, where all that were scored are in this file.",
            NWBRefSpec(target_type="ActivationEstimate", reftype="object"),
        ),
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
    muscle_series,
    muscle_activation_series,
    activation_spread_series,
    distribution_parameter_series,
    latent_factor_series,
    inferred_input_series,
    inferred_input_spread_series,
    initial_conditions_table,
    model_sessions_table,
    activation_model,
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
