"""Every level of the simulator: unit, default, bounds, and where its range comes from."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from nwb_autolfads.errors import ConfigError


class SimulationConfig(BaseModel):
    """Levels of a simulated session; a level of 0 switches its part off and leaves every other part as it was.

    Raises
    ------
    ConfigError
        If a value is out of its bounds, of the wrong type, or names a level that does not exist.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # What the animal does
    locomotion_bout_s: float = Field(
        default=8.0, ge=0, le=120, description="Mean length of a bout of locomotion (chosen)."
    )
    burst_bout_s: float = Field(
        default=4.0, ge=0, le=120, description="Mean length of a bout of brief bursts (chosen)."
    )
    isometric_bout_s: float = Field(
        default=4.0, ge=0, le=120, description="Mean length of a tonic contraction (chosen)."
    )
    reach_bout_s: float = Field(default=0.0, ge=0, le=120, description="Mean length of a bout of reaches (chosen).")
    free_bout_s: float = Field(
        default=0.0, ge=0, le=120, description="Mean length of a bout in which every command varies freely (chosen)."
    )
    rest_s: float = Field(default=0.8, ge=0.2, le=60, description="Mean pause between bouts (chosen).")
    cycle_duration_s: float = Field(
        default=0.35,
        ge=0.2,
        le=3,
        description="Mean step cycle; rats walk and trot at about 2 to 4 steps a second (chosen).",
    )
    cycle_duration_cv: float = Field(default=0.08, ge=0, le=0.3, description="Its coefficient of variation (chosen).")
    brief_burst_rate_hz: float = Field(
        default=3.0, ge=0.2, le=10, description="Brief bursts per second in their bouts (chosen)."
    )
    brief_burst_ms: float = Field(default=40.0, ge=10, le=300, description="Mean width of a brief burst (chosen).")
    reach_duration_s: float = Field(
        default=0.6, ge=0.2, le=3, description="Mean time of a reach; a pause as long follows (chosen)."
    )
    free_hz: float = Field(
        default=3.0, ge=0.2, le=20, description="Corner frequency of freely varying commands, median (chosen)."
    )
    free_slope: float = Field(
        default=4.0, ge=1.5, le=12, description="Their power falls with this power of frequency beyond it (chosen)."
    )
    free_depth: float = Field(
        default=0.8, ge=0.1, le=2, description="How much they vary: standard deviation before they are made positive."
    )
    free_shape: Literal["exponential", "rectified"] = Field(
        default="exponential", description="How a Gaussian process is made one that is positive."
    )
    pulse_width_scale: float = Field(
        default=1.0, ge=0.3, le=3, description="Factor on the pulses of steps; 1: 15-30 % of a cycle (chosen)."
    )
    pulse_edge_scale: float = Field(
        default=1.0, ge=0.2, le=10, description="Factor on the rise of pulses; 1: time constants of 6-15 ms (chosen)."
    )
    tremor_depth: float = Field(
        default=0.4,
        ge=0,
        le=0.6,
        description="Standard deviation of the tremor relative to the tonic command (chosen).",
    )
    tremor_low_hz: float = Field(
        default=20.0, ge=5, le=40, description="Lower edge of the tremor's band: beta, as in Conway et al. 1995."
    )
    tremor_high_hz: float = Field(default=30.0, ge=6, le=50, description="Upper edge of the tremor's band.")

    # How the commands reach the muscles
    n_muscles: int = Field(default=12, ge=4, le=16, description="Muscles recorded; up to 14 are usual.")
    n_synergies: int = Field(
        default=5, ge=1, le=12, description="Latent commands; 4 to 6 synergies are usual for hindlimb muscles (chosen)."
    )
    n_burst_commands: int = Field(
        default=0, ge=0, le=3, description="Further commands, of brief bursts at any time (chosen)."
    )
    n_tremor_commands: int = Field(
        default=0, ge=0, le=3, description="Further commands, of tremor that comes and goes (chosen)."
    )
    electrodes_per_muscle: int = Field(
        default=1, ge=1, le=8, description="Neighbours among the muscles that are electrodes over the same one."
    )
    tone: float = Field(
        default=0.02, ge=0.001, le=0.2, description="Resting level of every command, 1 = a usual burst (chosen)."
    )
    burst_amplitude_cv: float = Field(
        default=0.3, ge=0, le=0.8, description="Variation of bursts from one to the next (chosen)."
    )
    command_modulation: float = Field(
        default=0.5,
        ge=0,
        le=0.8,
        description="Standard deviation of each command's fast fluctuation, relative (chosen).",
    )
    command_modulation_hz: float = Field(default=12.0, ge=1, le=20, description="Its corner frequency (chosen).")
    private_modulation: float = Field(
        default=0.2,
        ge=0,
        le=0.8,
        description="Standard deviation of each muscle's own fluctuation, relative (chosen).",
    )
    private_modulation_hz: float = Field(default=12.0, ge=1, le=20, description="Its corner frequency (chosen).")

    # EMG
    emg_generator: Literal["am", "motor_units"] = Field(
        default="am", description="Amplitude-modulated noise, or the sum of the action potentials of motor units."
    )
    emg_rate_hz: float = Field(default=2000.0, ge=1000, le=10000, description="Sampling rate of the raw EMG.")
    emg_amplitude_uv: float = Field(
        default=300.0, ge=20, le=2000, description="Median over muscles of the EMG's RMS at activation 1 (chosen)."
    )
    emg_amplitude_spread: float = Field(
        default=0.3, ge=0, le=1.5, description="Standard deviation of its log over muscles (chosen)."
    )
    carrier_shape: Literal["shwedyk", "band"] = Field(
        default="shwedyk", description="Spectrum, 'am': that of Shwedyk et al. 1977, or flat between its corners."
    )
    carrier_low_hz: float = Field(
        default=60.0,
        ge=20,
        le=200,
        description="Lower corner of the EMG spectrum, 'am' (chosen).",
    )
    carrier_high_hz: float = Field(default=120.0, ge=25, le=400, description="Upper corner of that spectrum (chosen).")
    carrier_roughness: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="Spread of the log of the carrier's local size, 'am': 0 makes it Gaussian, 0.4 as peaked as a "
        "Laplace distribution; real EMG lies between (Clancy and Hogan 1999).",
    )
    motor_units_per_muscle: int = Field(
        default=15, ge=5, le=400, description="Units within reach of the wires, not all of the muscle's (chosen)."
    )
    recruitment_range: float = Field(
        default=30.0, ge=2, le=200, description="Highest over lowest recruitment threshold (Fuglevand et al. 1993: 30)."
    )
    full_recruitment: float = Field(
        default=0.6,
        ge=0.2,
        le=0.95,
        description="Excitation at which the last unit is recruited, 1 = maximal (chosen).",
    )
    motor_unit_amplitude_range: float = Field(
        default=15.0, ge=1, le=200, description="Largest over smallest action potential of a muscle (chosen)."
    )
    motor_unit_distance_spread: float = Field(
        default=1.0,
        ge=0,
        le=2,
        description="Standard deviation of the log amplitude, from distances to the wire (chosen).",
    )
    discharge_min_hz: float = Field(
        default=10.0, ge=2, le=40, description="Discharge rate at recruitment (chosen for rats)."
    )
    discharge_max_hz: float = Field(
        default=50.0, ge=10, le=150, description="Highest discharge rate (chosen for rats)."
    )
    interspike_interval_cv: float = Field(
        default=0.3,
        ge=0.02,
        le=0.5,
        description="Variation of intervals at constant drive; Fuglevand et al. 1993: 0.2, movement more (chosen).",
    )
    action_potential_ms: float = Field(
        default=0.8,
        ge=0.5,
        le=5,
        description="Gaussian width of the action potentials; about a sixth of their length (chosen).",
    )

    # What else the electrodes pick up
    crosstalk: float = Field(
        default=0.15,
        ge=0,
        le=0.5,
        description="Gain from a muscle to its neighbour, falling by e per muscle further on (chosen).",
    )
    mains_hz: Literal[50, 60] = Field(default=60, description="Mains frequency.")
    mains_uv: float = Field(
        default=20.0, ge=0, le=500, description="Median amplitude of the mains; harmonic k has 1/k (chosen)."
    )
    mains_harmonics: int = Field(default=7, ge=1, le=40, description="Multiples of its frequency up to this (chosen).")
    movement_artifact_uv: float = Field(
        default=300.0,
        ge=0,
        le=10000,
        description="Median over muscles of the spread of wire artefacts at foot strikes and reaches (chosen).",
    )
    movement_artifact_hz: float = Field(
        default=12.0, ge=5, le=60, description="Fastest swing of a wire; the slowest is 4 Hz (chosen)."
    )
    common_mode_uv: float = Field(
        default=300.0,
        ge=0,
        le=5000,
        description="RMS, at their height, of transients seen by all channels at once (chosen).",
    )
    common_mode_per_minute: float = Field(default=10.0, ge=0, le=600, description="How often they occur (chosen).")
    common_mode_spread: float = Field(
        default=0.0, ge=0, le=1, description="Standard deviation of the log of their height (chosen)."
    )
    white_noise_uv: float = Field(
        default=15.0, ge=0, le=1000, description="RMS of the amplifier's and electrode's noise (chosen)."
    )

    # Limb and cortex
    muscle_twitch_ms: float = Field(
        default=20.0,
        ge=5,
        le=100,
        description="Time to the peak of a twitch: muscle force, critically damped (chosen).",
    )
    limb_natural_hz: float = Field(default=3.0, ge=0.5, le=10, description="Natural frequency of each joint (chosen).")
    limb_damping_ratio: float = Field(
        default=0.5, ge=0.1, le=2, description="Damping of each joint, 1 = critical (chosen)."
    )
    angle_noise_deg: float = Field(default=0.02, ge=0, le=5, description="Noise of the measured joint angles (chosen).")
    force_noise_n: float = Field(default=0.01, ge=0, le=1, description="Noise of the measured force (chosen).")
    n_cortical_units: int = Field(default=60, ge=0, le=500, description="Sorted units of motor cortex (chosen).")
    cortical_rate_hz: float = Field(default=8.0, ge=0.5, le=50, description="Median rate of a unit at rest (chosen).")
    cortical_gain: float = Field(
        default=1.2, ge=0, le=3, description="Standard deviation over units of d log(rate) / d command (chosen)."
    )
    cortical_lead_ms: float = Field(
        default=40.0, ge=0, le=200, description="Mean time by which cortex leads EMG; tens of ms are usual (chosen)."
    )
    cortical_lead_spread_ms: float = Field(
        default=10.0, ge=0, le=50, description="Its standard deviation over units (chosen)."
    )

    @model_validator(mode="after")
    def _ranges_in_order(self) -> Self:
        pairs = (
            ("tremor_low_hz", "tremor_high_hz"),
            ("carrier_low_hz", "carrier_high_hz"),
            ("discharge_min_hz", "discharge_max_hz"),
        )
        for low, high in pairs:
            if getattr(self, low) >= getattr(self, high):
                raise ValueError(f"{low}={getattr(self, low)} must be below {high}={getattr(self, high)}")
        if self.tremor_high_hz - self.tremor_low_hz < 1:
            raise ValueError("tremor_high_hz must be at least 1 Hz above tremor_low_hz")
        bouts = ("locomotion_bout_s", "burst_bout_s", "isometric_bout_s", "reach_bout_s", "free_bout_s")
        if not any(getattr(self, bout) for bout in bouts):
            raise ValueError(f"one of {', '.join(bouts)} must be above 0")
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _one_message(cls, values: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validate(values)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, item['loc']))}: {item['msg']}, got {item['input']!r}"
                if item["loc"]
                else item["msg"].removeprefix("Value error, ")
                for item in error.errors()
            )
            raise ConfigError(
                problems, way_out="docs/simulator.md lists every level with its bounds", obj="SimulationConfig"
            ) from error
