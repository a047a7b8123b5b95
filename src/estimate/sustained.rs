//! What is left of a speed when a device has been warm for minutes.
//!
//! Invariant: only phones have it, because only phones were measured cold and warm; a Mac or an iPad has no figure, not the
//! same one. Absent on purpose: a curve over time, and any influence of the weather or the case.

use crate::{
    catalog::DeviceKind,
    machine::{Coef, Machine, Share, Unit},
    units::{Figure, Quantity, TokensPerSec},
    variant::Runtime,
};

use super::{Estimate, law};

/// Share of the first speed that a device keeps after about ten minutes of work without a pause; `None` where nobody
/// measured it.
#[must_use]
pub fn kept(machine: &Machine, unit: Unit) -> Option<Figure<Share>> {
    match (machine.kind, unit) {
        (DeviceKind::Phone, Unit::Ane) => Some(Coef::SustainedShareAne.figure()),
        (DeviceKind::Phone, Unit::Gpu) => Some(Coef::SustainedShareGpu.figure()),
        (DeviceKind::Phone, Unit::Cpu)
        | (
            DeviceKind::Tablet
            | DeviceKind::Laptop
            | DeviceKind::Desktop
            | DeviceKind::Tv
            | DeviceKind::Watch
            | DeviceKind::Headset
            | DeviceKind::Accessory,
            _,
        ) => None,
    }
}

impl Estimate {
    /// The unit that does most of writing.
    pub(super) fn writes_on(&self, runtime: Runtime) -> Option<Unit> {
        match runtime {
            Runtime::CoreMl => self.plans.last().map(law::main_unit),
            Runtime::LlamaCpp | Runtime::Mlx => Some(Unit::Gpu),
        }
    }

    /// Generated tokens a second after about ten minutes without a pause, where measurements say what is left.
    #[must_use]
    pub fn sustained(&self, machine: &Machine, runtime: Runtime) -> Option<Figure<TokensPerSec>> {
        let decode = self.decode.ok()?;
        let share = kept(machine, self.writes_on(runtime)?)?;
        let times = |speed: TokensPerSec, share: Share| TokensPerSec::of(speed.get() * share.get());
        Some(Figure::range(
            times(decode.value, share.value),
            times(decode.low, share.low),
            times(decode.high, share.high),
            decode.basis.min(share.basis),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{machine, scenario::DeviceRef};

    #[test]
    fn only_a_phone_has_a_speed_of_the_tenth_minute() {
        let check = |id: &str, os: u8, unit, least: Option<f64>| {
            let device = DeviceRef::Known { id: id.to_owned(), ram_gib: None };
            let machine = machine::resolve(&device, os).unwrap();
            assert_eq!(kept(&machine, unit).map(|share| share.low.get()), least, "{id}");
        };
        check("iphone-15-pro", 18, Unit::Ane, Some(0.6));
        check("iphone-15-pro", 18, Unit::Gpu, Some(0.37));
        check("iphone-15-pro", 18, Unit::Cpu, None);
        check("macbook-air-m4", 15, Unit::Gpu, None);
    }
}
